using System.Text.Json;
using System.Text.Json.Nodes;
using LangSmith.Http.Tests.Runs;

namespace LangSmith.Http.Tests.Collector;

/// <summary>Runs of this process, recorded without HTTP.</summary>
public sealed class CollectorRecorderTests
{
    [Test]
    public void Run_RecordedWithEverything_ArrivesEqual()
    {
        var collector = new LangSmithCollector();
        var tracer = Recording.Tracer(collector.CreateRecorder("gateway"), project: "shop");
        RunTree run;
        using (var scope = tracer.StartRun("ask", new { question = "wie ä?" }, new RunOptions { RunType = "llm", Tags = ["a", "é"], Metadata = new Dictionary<string, object?> { ["thread_id"] = "t-1", ["n"] = 1 } }))
        {
            run = scope.Run;
            run.AddEvent("token", new { text = "x" });
            run.End(new { answer = new[] { 1, 2 } });
        }

        var collected = collector.AssertOneTrace().Root!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(collected.Id, Is.EqualTo(run.Id));
            Assert.That(collected.TraceId, Is.EqualTo(run.TraceId));
            Assert.That(collected.ParentRunId, Is.Null);
            Assert.That(collected.DottedOrder, Is.EqualTo(run.DottedOrder));
            Assert.That(collected.Name, Is.EqualTo("ask"));
            Assert.That(collected.RunType, Is.EqualTo("llm"));
            Assert.That(collected.Project, Is.EqualTo("shop"));
            Assert.That(collected.Service, Is.EqualTo("gateway"));
            Assert.That(collected.StartTime, Is.EqualTo(run.StartTime));
            Assert.That(collected.EndTime, Is.EqualTo(run.EndTime));
            Assert.That(collected.Error, Is.Null);
            Assert.That(collected.Tags, Is.EqualTo((string[])["a", "é"]));
            Assert.That(collected.Inputs!.Value.GetProperty("question").GetString(), Is.EqualTo("wie ä?"));
            Assert.That(collected.Outputs!.Value.GetProperty("answer").GetRawText(), Is.EqualTo("[1,2]"));
            Assert.That(collected.Metadata.ToDictionary(static item => item.Key, static item => item.Value.ToString()), Is.EqualTo(new Dictionary<string, string> { ["thread_id"] = "t-1", ["n"] = "1" }));
            Assert.That(collected.Events!.Value[0].GetProperty("name").GetString(), Is.EqualTo("token"));
            Assert.That(collected.Events.Value[0].GetProperty("kwargs").GetRawText(), Is.EqualTo("""{"text":"x"}"""));
            Assert.That(collected.Events.Value[0].GetProperty("time").GetDateTimeOffset(), Is.InRange(run.StartTime, run.EndTime!.Value));
        }
    }

    [Test]
    public void Run_ThatIsOpen_IsThereAndPending()
    {
        var collector = new LangSmithCollector();
        using var scope = Recording.Tracer(collector.CreateRecorder("svc")).StartRun("ask");
        var trace = collector.Traces.Single();
        Assert.That((trace.Status, trace.Root!.Status, trace.Duration), Is.EqualTo((RunStatus.Pending, RunStatus.Pending, (TimeSpan?)null)));
        Assert.That(collector.Problems.Select(static problem => problem.Code), Is.EqualTo(["run_pending"]));
    }

    [Test]
    public void Run_ThatFailed_HasTheWholeError()
    {
        var collector = new LangSmithCollector();
        var tracer = Recording.Tracer(collector.CreateRecorder("svc"));
        Assert.That(() => tracer.Run("ask", static (RunTree _) => Fail()), Throws.InvalidOperationException);
        var run = collector.AssertOneTrace().Root!;
        Assert.That(run.Status, Is.EqualTo(RunStatus.Error));
        Assert.That(run.Error, Does.Contain("InvalidOperationException").And.Contains("no").And.Contains(nameof(Fail)));

        static int Fail() => throw new InvalidOperationException("no");
    }

    [Test]
    public void Run_WithAnAddress_IsInThat()
    {
        var collector = new LangSmithCollector();
        const string Address = "lrn:agents/a/environments/local";
        var tracer = Recording.Tracer(collector.CreateRecorder("svc"));
        var parent = Recording.Remote("langsmith-address=" + Uri.EscapeDataString(Address));
        using (TracingContext.UseParent(parent))
            tracer.Run("ask", static _ => 1);
        Assert.That(collector.Traces.Single().Root, Is.Null);
        Assert.That(collector.Traces.Single().Runs[0].Project, Is.EqualTo(Address));
    }

    [Test]
    public void Runs_OfTwoServices_AreOneTrace()
    {
        var collector = new LangSmithCollector();
        var (gateway, answers) = (Recording.Tracer(collector.CreateRecorder("gateway")), Recording.Tracer(collector.CreateRecorder("answers")));
        gateway.Run("ask", run =>
        {
            var headers = run.ToHeaders().ToDictionary(static header => header.Key, static header => header.Value);
            using (TracingContext.UseParent(RunContext.FromHeaders(headers)))
                return answers.Run("answer", _ => answers.Run("write", static _ => 1));
        });

        var trace = collector.AssertOneTrace();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.Services, Is.EqualTo(["gateway", "answers"]));
            Assert.That(trace.Runs.Select(static run => $"{run.Name} {run.Service}"), Is.EqualTo(["ask gateway", "answer answers", "write answers"]));
            Assert.That(trace.ToString(), Does.Match(@"^ask          gateway +\d+\.\d ms  ✓\n└─ answer    answers +\d+\.\d ms  ✓\n   └─ write  answers +\d+\.\d ms  ✓\n$"));
            Assert.That(trace.Named("write").Single().Service, Is.EqualTo("answers"));
        }
    }

    [Test]
    public void Run_WithMetadataOfEveryKind_ArrivesAsItWas()
    {
        var collector = new LangSmithCollector();
        var metadata = new Dictionary<string, object?> { ["text"] = "<\"é🎉", ["list"] = new[] { 1, 2 }, ["no"] = null, ["deep"] = new { a = new { b = true } } };
        Recording.Tracer(collector.CreateRecorder("svc")).Run("ask", static _ => 1, null, new RunOptions { Metadata = metadata });
        var run = collector.AssertOneTrace().Root!;
        foreach (var (key, value) in metadata)
            Assert.That(JsonNode.DeepEquals(JsonNode.Parse(run.Metadata[key].GetRawText()), JsonSerializer.SerializeToNode(value)), key);
    }

    [TestCase("")]
    [TestCase(" ")]
    [TestCase(null)]
    public void CreateRecorder_WithoutAService_Throws(string? service) =>
        Assert.That(() => new LangSmithCollector().CreateRecorder(service!), Throws.InstanceOf<ArgumentException>());
}
