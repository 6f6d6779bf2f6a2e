using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;

namespace NodeInterop;

/// <summary>
/// Stands in for LangSmith, so that the JavaScript SDK needs no account: keeps the runs it posts. It asks for plain JSON,
/// and for each Node program there is an address of its own.
/// </summary>
internal sealed class RunSink : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Service, JsonObject Run)> _created = new();

    private RunSink(WebApplication app) => _app = app;

    public static async Task<RunSink> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port: 0));
        var app = builder.Build();
        var sink = new RunSink(app);
        app.MapGet("/{service}/info", () => Results.Json(new { batch_ingest_config = new { use_multipart_endpoint = false } }));
        app.MapPost("/{service}/runs/batch", async (string service, HttpRequest request) =>
        {
            // "patch" beside it says how runs ended that were posted before.
            var batch = await JsonNode.ParseAsync(request.Body);
            foreach (var run in batch!["post"]!.AsArray())
                sink._created.Enqueue((service, run!.AsObject()));
            return Results.Accepted();
        });
        await app.StartAsync();
        return sink;
    }

    public Uri EndpointOf(string service) => new($"{_app.Urls.Single()}/{service}");

    public IEnumerable<ServiceRun> RunsOf(string service) =>
        _created.Where(pair => pair.Service == service).Select(pair => ServiceRun.Of(service, pair.Run));

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
