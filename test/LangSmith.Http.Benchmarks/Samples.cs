namespace LangSmith.Http.Benchmarks;

/// <summary>The run all benchmarks carry: depth 5, 5 metadata keys, a project.</summary>
internal static class Samples
{
    internal static readonly Uri Uri = new("https://answers.internal/ask");

    internal static LangSmithTracer Recording { get; } = new(new IdleRecorder(), new LangSmithOptions { Tracing = true, Project = "answers" });

    internal static LangSmithTracer NotRecording { get; } = new(null, new LangSmithOptions { Tracing = false });

    /// <summary>Opens five runs, one below the other, and leaves the innermost current for good.</summary>
    internal static RunTree EnterRun()
    {
        for (var depth = 1; depth < 5; depth++)
            Recording.StartRun("step");
        return Recording.StartRun("ask", options: new RunOptions
        {
            Metadata = new Dictionary<string, object?>
            {
                ["user_id"] = "u-12345",
                ["thread_id"] = "5f1c0f6e-2a52-4b3f-9c57-0d1c1f7a2b11",
                ["model"] = "gpt-4o",
                ["attempt"] = 1,
                ["is_batch"] = false,
            },
        }).Run;
    }

    internal sealed class IdleRecorder : IRunRecorder
    {
        public bool ShouldRecord(Guid traceId) => true;

        public void OnStart(RunSnapshot run)
        {
        }

        public void OnEnd(RunSnapshot run)
        {
        }
    }
}
