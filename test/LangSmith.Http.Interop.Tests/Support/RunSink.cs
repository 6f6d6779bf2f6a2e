using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Interop.Tests;

/// <summary>
/// Stands in for LangSmith: keeps the runs an SDK posts, by the first segment of the path they are posted to. It asks for
/// plain JSON, so that what is kept is what the SDK wrote.
/// </summary>
internal sealed class RunSink : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<(string Service, JsonObject Run, bool IsCreate)> _operations = new();

    private RunSink(WebApplication app) => _app = app;

    public static async Task<RunSink> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static options => options.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var sink = new RunSink(app);
        app.MapGet("/{service}/info", static () => Results.Json(new { batch_ingest_config = new { use_multipart_endpoint = false, size_limit = 100 } }));
        app.MapPost("/{service}/runs/batch", sink.KeepAsync);
        await app.StartAsync();
        return sink;
    }

    /// <summary>What <c>LANGSMITH_ENDPOINT</c> is for a service.</summary>
    public Uri EndpointOf(string service) => new($"{_app.Urls.Single()}/{service}");

    /// <summary>The runs that were posted. A run is created once; what an update says wins.</summary>
    public IReadOnlyList<TracedRun> Runs
    {
        get
        {
            var runs = new Dictionary<string, (string Service, JsonObject Run)>();
            // The SDK sends batches side by side, hence an update may arrive first.
            foreach (var (service, run, isCreate) in _operations.OrderByDescending(static operation => operation.IsCreate))
            {
                var id = (string)run["id"]!;
                if (isCreate)
                {
                    Assert.That(runs.TryAdd(id, (service, (JsonObject)run.DeepClone())), Is.True, $"{id} is created once");
                    continue;
                }

                Assert.That(runs.ContainsKey(id), Is.True, $"{id} is created before it is updated");
                foreach (var (name, value) in run)
                    runs[id].Run[name] = value?.DeepClone();
            }

            return [.. runs.Values.Select(static pair => TracedRun.Of(pair.Service, pair.Run))];
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> KeepAsync(string service, HttpRequest request)
    {
        request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
        var batch = await JsonNode.ParseAsync(request.Body);
        foreach (var run in batch!["post"]!.AsArray())
            _operations.Enqueue((service, run!.AsObject(), true));
        foreach (var run in batch["patch"]!.AsArray())
            _operations.Enqueue((service, run!.AsObject(), false));
        return Results.Json(new { }, statusCode: StatusCodes.Status202Accepted);
    }
}
