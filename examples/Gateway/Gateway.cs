using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace GatewayExample;

/// <summary>The edge: a reverse proxy that anybody may call, and where every trace starts.</summary>
internal static class Gateway
{
    public static async Task<WebApplication> StartAsync(string internalService, Wire wire, Uri langSmith)
    {
        var builder = Loopback.CreateBuilder();
        builder.Services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "edge";
        });
        builder.Services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "gateway";
        });
        // An outside caller's headers decide nothing. What is behind the gateway continues the gateway's own run instead.
        builder.Services.AddLangSmithInbound(o =>
        {
            o.Trust.Nobody();
            o.StartRunPerRequest = true;
        });
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "answers", ClusterId = "internal", Match = new RouteMatch { Path = "/answers/{topic}" } }],
            [new ClusterConfig { ClusterId = "internal", Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = internalService } } }]);
        builder.Services.AddSingleton<IForwarderHttpClientFactory, TracedForwarder>();

        var app = builder.Build();
        app.UseLangSmithTracing();   // in front of the proxy, which copies every header it finds
        wire.Watch(app, "gateway");
        app.MapReverseProxy();
        await app.StartAsync();
        return app;
    }
}
