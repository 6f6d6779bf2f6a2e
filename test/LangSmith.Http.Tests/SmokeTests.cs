namespace LangSmith.Http.Tests;

public class SmokeTests
{
    [Test]
    public void Run_Recorded_HasHeaders()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true });
        using var scope = tracer.StartRun("ask", new { question = "é" });
        scope.Run.AddMetadata("user", "u-1");
        scope.Run.AddTags("a", "b");
        var headers = scope.Run.ToHeaders();
        TestContext.Out.WriteLine(string.Join("\n", headers));
        Assert.That(RunContext.FromHeaders(headers)!.RunId, Is.EqualTo(scope.Run.Id));
    }
}
