using System.Diagnostics;
using System.Text.Json;

namespace LangSmith.Http.Tests.Export;

/// <summary>A run and the activity it was started in name each other.</summary>
[NonParallelizable] // Allocations are counted.
public sealed class ActivityLinkTests
{
    [Test]
    public async Task Run_InAnActivity_NamesItAndIsNamed([Values] bool startAndEndApart)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = Exporter(collector);
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using var activity = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        string baggage;
        Guid id;
        using (var scope = tracer.StartRun("root"))
        {
            (id, baggage) = (scope.Run.Id, scope.Run.ToHeaders()["baggage"]);
            if (startAndEndApart)
                await exporter.FlushAsync(TimeSpan.FromSeconds(30));
            tracer.StartRun("child").Dispose();
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        using (Assert.EnterMultipleScope())
        {
            foreach (var run in collector.AssertOneTrace().Runs)
                Assert.That((run.Metadata["otel.trace_id"].GetString(), run.Metadata["otel.span_id"].GetString()), Is.EqualTo((activity.TraceId.ToHexString(), activity.SpanId.ToHexString())));
            Assert.That(activity.GetTagItem("langsmith.run_id"), Is.EqualTo(id.ToString()), "the first's");
            Assert.That(activity.GetTagItem("langsmith.trace_id"), Is.EqualTo(id.ToString()));
            Assert.That(baggage, Is.EqualTo("langsmith-project=default"), "headers have nothing of it");
        }
    }

    [TestCase("none")]
    [TestCase("hierarchical")]
    [TestCase("hidden")]
    public async Task Run_WithoutSuchAnActivity_NamesNone(string kind)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = Exporter(collector, hideMetadata: kind == "hidden");
        using var activity = kind == "none" ? null : new Activity("request").SetIdFormat(kind == "hidden" ? ActivityIdFormat.W3C : ActivityIdFormat.Hierarchical).Start();
        new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run").Dispose();
        await exporter.FlushAsync(TimeSpan.FromSeconds(30));

        Assert.That(collector.AssertOneTrace().Root!.Metadata, Is.Empty);
        if (kind == "hierarchical")
            Assert.That(activity!.TagObjects, Is.Empty);
    }

    [Test]
    public async Task Metadata_OfTheUserWithTheSameName_Stays()
    {
        await using var server = await IngestServer.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, ApiKey = "key" });
        using var activity = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run", options: new RunOptions { Metadata = [new("otel.trace_id", "mine")] }).Dispose();
        await exporter.FlushAsync(TimeSpan.FromSeconds(30));

        var extra = FormPart.Split(server.Posts.Single().Body, server.Posts.Single().Headers["Content-Type"]).Single(static part => part.Name.EndsWith(".extra", StringComparison.Ordinal));
        Assert.That(JsonDocument.Parse(extra.Payload).RootElement.GetProperty("metadata").GetRawText(), Is.EqualTo("""{"otel.trace_id":"mine"}"""));
    }

    [Test]
    public async Task Run_WithoutAnActivity_AllocatesNothingForIt()
    {
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:1", ApiKey = "key", FlushInterval = TimeSpan.FromMinutes(1), ShutdownTimeout = TimeSpan.Zero });
        var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true });
        Count();
        var without = Count();
        using (new Activity("old").SetIdFormat(ActivityIdFormat.Hierarchical).Start())
            Assert.That(Count(), Is.LessThanOrEqualTo(without), "nothing to link with costs what none costs; a recompiled method may cost less");
        using (new Activity("new").SetIdFormat(ActivityIdFormat.W3C).Start())
            Assert.That(Count(), Is.GreaterThan(without), "this can be measured");

        // The least of several: the queue grows in some.
        long Count() => Enumerable.Range(0, 20).Min(_ =>
        {
            using var scope = tracer.StartRun("run");
            Activity.Current?.SetTag("langsmith.run_id", null);
            var run = scope.Run.Snapshot();
            var before = GC.GetAllocatedBytesForCurrentThread();
            exporter.OnStart(run);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        });
    }

    private static LangSmithExporter Exporter(LangSmithCollector collector, bool hideMetadata = false) =>
        new(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString(), ApiKey = "key", HideMetadata = hideMetadata });
}
