using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>What an endpoint does with its caller's run.</summary>
public sealed class EndpointTests
{
    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001.20231114T221321123456Z018bcfe5-6c63-7000-8000-000000000002";
    private const string Baggage = "langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%7D,langsmith-project=caller,tenant=7";

    [Test]
    public async Task Request_OverThreeEndpoints_HasThreeOutcomes()
    {
        await using var server = await TracedServer.StartAsync(static app =>
        {
            app.MapGet("/continue", Answer);
            app.MapGet("/link", Answer).WithLangSmithTracing(InboundTracing.Link);
            app.MapGet("/ignore", Answer).WithLangSmithTracing(InboundTracing.Ignore);
        });

        foreach (var path in (string[])["/continue", "/link", "/ignore"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("langsmith-trace", Trace);
            request.Headers.TryAddWithoutValidation("baggage", Baggage);
            using var response = await server.Client.SendAsync(request);
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(":tenant=7"), "neither header is left, the foreign member is");
        }

        var runs = server.Recorder.Runs.ToDictionary(static run => run.Name);
        using (Assert.EnterMultipleScope())
        {
            var continued = runs["/continue"];
            Assert.That(continued.DottedOrder, Does.StartWith(Trace + "."));
            Assert.That(continued.Project, Is.EqualTo("caller"));
            Assert.That(continued.Metadata["thread_id"].GetString(), Is.EqualTo("t-1"));

            var linked = runs["/link"];
            Assert.That(linked.ParentRunId, Is.Null);
            Assert.That(linked.Project, Is.EqualTo("server"));
            Assert.That(linked.Metadata.ToDictionary(static pair => pair.Key, static pair => pair.Value.GetString()), Is.EquivalentTo(new Dictionary<string, string>
            {
                ["linked_trace_id"] = "018bcfe5-687b-7000-8000-000000000001",
                ["linked_run_id"] = "018bcfe5-6c63-7000-8000-000000000002",
            }));

            var ignored = runs["/ignore"];
            Assert.That(ignored.ParentRunId, Is.Null);
            Assert.That(ignored.Metadata, Is.Empty);
        }

        static string Answer(HttpContext context, LangSmithTracer tracer) =>
            tracer.Run(context.Request.Path.Value!, _ => $"{context.Request.Headers["langsmith-trace"]}:{context.Request.Headers["baggage"]}");
    }
}
