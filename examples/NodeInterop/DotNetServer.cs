using System.Net;
using LangSmith.Http;

namespace NodeInterop;

/// <summary>
/// What <c>node/server.mjs</c> is, in C#. There each endpoint calls <c>RunTree.fromHeaders</c> and <c>withRunTree</c>;
/// here the middleware does it, for callers the service trusts.
/// </summary>
internal static class DotNetServer
{
    public static async Task<WebApplication> StartAsync(Crossing crossing, Uri langSmith)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port: 0));

        // Its project is for traces that start here. The Node client's traces stay in the Node client's project.
        builder.Services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "the server's own";
        });
        builder.Services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "C#";
        });
        builder.Services.AddLangSmithInbound(o => o.Trust.FromNetworks("127.0.0.0/8", "::1/128"));

        var app = builder.Build();
        // For the example's report: what comes first still sees the headers, UseLangSmithTracing takes them away.
        app.Use((context, next) =>
        {
            crossing.Trace = context.Request.Headers[RunContext.TraceHeaderName].ToString();
            crossing.Baggage = context.Request.Headers.Baggage.ToString();
            return next(context);
        });
        app.UseLangSmithTracing();

        app.MapPost("/", async (HttpRequest request, LangSmithTracer tracer) =>
        {
            using var reader = new StreamReader(request.Body);
            var text = await reader.ReadToEndAsync();
            return tracer.Run("server", _ => $"Hello from ASP.NET Core! Received \"{text}\"", inputs: new { text });
        });

        await app.StartAsync();
        return app;
    }
}
