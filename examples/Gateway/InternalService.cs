using LangSmith.Http;

namespace GatewayExample;

/// <summary>The service behind the gateway: continues the gateway's run, whoever called the gateway.</summary>
internal static class InternalService
{
    public static async Task<WebApplication> StartAsync(Wire wire, Uri langSmith)
    {
        var builder = Loopback.CreateBuilder();
        builder.Services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "internal";   // for traces that start here; the gateway's stay in the gateway's project
        });
        builder.Services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "internal";
        });
        // It trusts the gateway and nobody else. Here that is whoever is on this machine. In production name the network
        // the gateway calls from, or its certificate: o.Trust.FromClientCertificate(c => c.Thumbprint == …).
        builder.Services.AddLangSmithInbound(o => o.Trust.FromNetworks("127.0.0.0/8"));

        var app = builder.Build();
        wire.Watch(app, "internal");   // in front: behind the next line nobody sees the headers any more
        app.UseLangSmithTracing();
        app.MapGet("/answers/{topic}", (string topic, LangSmithTracer tracer) =>
            tracer.Run("answer", _ => $"All about {topic}.", inputs: new { topic }));
        await app.StartAsync();
        return app;
    }
}
