namespace LangSmith.Http.Tests.Runs;

/// <summary>Rule 9: where nobody records, a run costs no allocation.</summary>
[NonParallelizable]
public class UnrecordedAllocationTests
{
    private static readonly object Inputs = new { question = "why?" };
    private static readonly RunOptions Options = new() { Tags = ["t"], Metadata = [new("k", 1)] };

    private static IEnumerable<TestCaseData> Unrecorded()
    {
        yield return Case("off", new LangSmithTracer(new DelegateRecorder(), new LangSmithOptions { Tracing = true, Enabled = false }), () => null);
        yield return Case("tracing not switched on", new LangSmithTracer(new DelegateRecorder(), new LangSmithOptions { Tracing = false }), () => null);
        yield return Case("no recorder", new LangSmithTracer(null, new LangSmithOptions { Tracing = true }), () => null);
        yield return Case("passing through", new LangSmithTracer(null, new LangSmithOptions { Tracing = false }), () => TracingContext.UseParent(Recording.Remote()));
        yield return Case("off in a scope", Recording.Tracer(new DelegateRecorder()), () => TracingContext.With(enabled: false));
        yield return Case("trace not recorded", Recording.Tracer(new DelegateRecorder()), () => TracingContext.UseParent(Recording.RemoteNotSampled()));
        yield return Case("caller's trace not recorded here", Recording.Tracer(new DelegateRecorder { Decide = static _ => false }), () => TracingContext.UseParent(Recording.Remote()));

        static TestCaseData Case(string name, LangSmithTracer tracer, Func<IDisposable?> surrounding) =>
            new TestCaseData(tracer, surrounding).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Unrecorded))]
    public void StartAndEnd_NobodyRecords_AllocatesNothing(LangSmithTracer tracer, Func<IDisposable?> surrounding)
    {
        using var around = surrounding();
        Use(tracer, 1_000);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Use(tracer, 1_000);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.That(allocated, Is.Zero);
    }

    private static void Use(LangSmithTracer tracer, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using (var scope = tracer.StartRun("scope", Inputs, Options))
            {
                scope.Run.AddMetadata("k", "v");
                scope.Run.AddEvent("event", Inputs);
                scope.Run.SetOutputs(Inputs);
                scope.Run.End(Inputs);
            }

            tracer.Run("action", static run => run.AddMetadata("k", "v"), Inputs, Options);
            _ = tracer.Run("func", static run => "out", Inputs, Options);
        }
    }
}
