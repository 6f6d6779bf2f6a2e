using System.Collections.Concurrent;
using System.Text;

namespace LangSmith.Http.Interop.Tests;

/// <summary>The official JavaScript SDK posts to our collector as it is, in each way it can.</summary>
public sealed class CollectorTests
{
    [OneTimeSetUp]
    public Task RequireNodeAsync() => NodePackages.RequireAsync();

    [TestCase("multipart, compressed", "/runs/multipart")]
    [TestCase("multipart", "/runs/multipart")]
    [TestCase("batch", "/runs/multipart /runs/batch")]
    [TestCase("single", "/runs")]
    public async Task Traceable_PostedByTheSdk_IsOneTraceWithoutProblems(string way, string paths)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var asked = new ConcurrentQueue<CollectorRequest>();
        collector.Fault = request =>
        {
            asked.Enqueue(request);
            // What makes the SDK send JSON: a server that has no multipart.
            return way == "batch" && request.Path == "/runs/multipart" ? CollectorFault.Status(404) : null;
        };
        await using var program = NodeProgram.Start(
            "collector.mjs", collector.Endpoint,
            ("LANGSMITH_DISABLE_RUN_COMPRESSION", way == "multipart, compressed" ? "false" : "true"),
            ("AUTO_BATCH", way == "single" ? "false" : "true"));
        await program.CompleteAsync([]);

        await collector.WaitForRunsAsync(5);
        var trace = collector.AssertOneTrace();
        var (ask, complete, rate) = (trace.Root!, trace.Named("complete").Single(), trace.Named("rate").Single());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.ToString().Split('\n').Select(static line => line.Split("  langsmith-js")[0].TrimEnd()), Is.EqualTo((string[])
            [
                "ask",
                "├─ retrieve",
                "├─ write",
                "│  └─ complete",
                "└─ rate",
                "",
            ]));
            Assert.That(trace.Runs.Select(static run => $"{run.Name} {run.RunType} {run.Status}"), Is.EqualTo(["ask chain Ok", "retrieve retriever Ok", "write chain Ok", "complete llm Ok", "rate tool Error"]));
            Assert.That(trace.Projects, Is.EqualTo(["shop é"]));
            Assert.That(ask.Inputs.ToString(), Is.EqualTo("""{"question":"what?"}"""));
            Assert.That(ask.Outputs.ToString(), Is.EqualTo("""{"answer":"42 é🎉"}"""));
            Assert.That(ask.Tags, Is.EqualTo(["a", "b"]));
            Assert.That(trace.Runs.Select(static run => run.Metadata["thread_id"].GetString()), Is.All.EqualTo("t-1"));
            Assert.That(complete.Metadata["ls_model_name"].GetString(), Is.EqualTo("gpt-x"));
            Assert.That(complete.Metadata["usage_metadata"].GetProperty("total_tokens").GetInt32(), Is.EqualTo(8));
            Assert.That(rate.Error, Does.StartWith("TypeError: nobody rates"));
            // JSON has no place for attachments.
            Assert.That(ask.Attachments.Select(static item => $"{item.Name} {item.ContentType} {Encoding.UTF8.GetString(item.Content.Span)}"),
                way.StartsWith("multipart", StringComparison.Ordinal) ? Is.EqualTo(["note text/plain hi there"]) : Is.Empty);
            Assert.That(string.Join(' ', asked.Where(static request => request.Method == "POST").Select(static request => request.Path).Distinct()), Is.EqualTo(paths));
        }
    }
}
