using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Interop.Tests;

/// <summary>Node → .NET → Python-shaped headers → .NET, each with a model call's facts: nobody's costs count twice.</summary>
public sealed class RunFactsTests : NodeTests
{
    [Test]
    public async Task Chain_WithUsageOnEveryRun_EachReportsItsOwn()
    {
        await using var last = await TracedServer.StartAsync(static app => app.MapPost("/", static (LangSmithTracer tracer) => tracer.Run("last", run =>
        {
            tracer.Run("below", static _ => 0);
            run.AddMetadata("usage_metadata", new { input_tokens = 4 });
            return 4;
        })));
        string? seenByPython = null;
        await using var python = await TracedServer.StartAsync(
            app => app.MapPost("/", async (HttpRequest request) =>
            {
                seenByPython = request.Headers["baggage"];
                return await SendAsPythonAsync(request, last.Origin);
            }),
            records: false,
            build: static _ => { });
        await using var gateway = await TracedServer.StartAsync(
            app => app.MapPost("/", (LangSmithTracer tracer, IHttpClientFactory clients) => tracer.RunAsync("gateway", async run =>
            {
                run.AddMetadata("usage_metadata", new { input_tokens = 2 });
                using var response = await clients.CreateClient("python").PostAsync(python.Origin, null);
                return await response.Content.ReadFromJsonAsync<int>();
            })),
            services: static services => services.AddHttpClient("python").AddHttpMessageHandler<LangSmithPropagationHandler>());

        await Start("client.mjs", "Node").CompleteAsync([JsonSerializer.Serialize(new
        {
            url = gateway.Origin,
            metadata = new { usage_metadata = new { input_tokens = 1 }, ls_model_name = "of Node", ls_provider = "openai", thread_id = "t" },
            question = new { },
        })]);

        var ask = PostedRuns().Single();
        var (answer, end, below) = (gateway.Recorder.Runs.Single(), last.Recorder.Runs.Single(static run => run.Name == "last"), last.Recorder.Runs.Single(static run => run.Name == "below"));
        Assert.Multiple(() =>
        {
            Assert.That(ask.Metadata["usage_metadata"], Is.EqualTo("""{"input_tokens":1}"""));
            Assert.That(Facts(answer), Is.EqualTo("""{"thread_id":"t","usage_metadata":{"input_tokens":2}}"""));
            Assert.That(Uri.UnescapeDataString(seenByPython!), Does.Contain("\"thread_id\":\"t\"").And.Not.Contain("usage_metadata").And.Not.Contain("ls_model_name").And.Not.Contain("ls_provider"));
            Assert.That(Facts(end), Is.EqualTo("""{"thread_id":"t","usage_metadata":{"input_tokens":4}}"""));
            Assert.That(Facts(below), Is.EqualTo("""{"thread_id":"t"}"""));
            Assert.That(end.TraceId.ToString(), Is.EqualTo(ask.TraceId), "one trace from end to end");
        });
    }

    // A run of its own, with its usage among the metadata that Python sends on (wire.md §2).
    private static async Task<int> SendAsPythonAsync(HttpRequest request, Uri next)
    {
        var members = ((string)request.Headers["baggage"]!).Split(',').Select(static member => member.Split('=')).ToDictionary(static pair => pair[0], static pair => Uri.UnescapeDataString(pair[1]));
        var metadata = JsonNode.Parse(members["langsmith-metadata"])!;
        metadata["usage_metadata"] = new JsonObject { ["input_tokens"] = 3 };
        metadata["ls_model_name"] = "of Python";
        using var client = new HttpClient();
        using var message = new HttpRequestMessage(HttpMethod.Post, next);
        message.Headers.Add("langsmith-trace", $"{request.Headers["langsmith-trace"]}.{DateTime.UtcNow:yyyyMMddTHHmmssffffffZ}{Guid.NewGuid()}");
        message.Headers.Add("baggage", $"langsmith-metadata={Uri.EscapeDataString(metadata.ToJsonString())},langsmith-project={Uri.EscapeDataString(members["langsmith-project"])}");
        using var response = await client.SendAsync(message);
        return await response.Content.ReadFromJsonAsync<int>();
    }

    private static string Facts(RunSnapshot run) => JsonSerializer.Serialize(
        run.Metadata.Where(static pair => pair.Key is "thread_id" or "usage_metadata" || pair.Key.StartsWith("ls_m", StringComparison.Ordinal))
            .OrderBy(static pair => pair.Key, StringComparer.Ordinal).ToDictionary());
}
