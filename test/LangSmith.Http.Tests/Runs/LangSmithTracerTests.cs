using System.Runtime.CompilerServices;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Run, RunAsync and StartRun: what is recorded, and what the caller sees.</summary>
public class LangSmithTracerTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    /// <summary>The four ways to run a function, as one.</summary>
    private static IEnumerable<TestCaseData> Ways()
    {
        yield return Way("Run", (tracer, body) =>
        {
            tracer.Run("run", run => body(run), inputs: "in");
            return Task.CompletedTask;
        });
        yield return Way("Run of a result", (tracer, body) =>
        {
            tracer.Run("run", run =>
            {
                body(run);
                return "out";
            }, inputs: "in");
            return Task.CompletedTask;
        });
        yield return Way("RunAsync", (tracer, body) => tracer.RunAsync("run", async run =>
        {
            await Task.Yield();
            body(run);
        }, inputs: "in"));
        yield return Way("RunAsync of a result", (tracer, body) => tracer.RunAsync("run", async run =>
        {
            await Task.Yield();
            body(run);
            return "out";
        }, inputs: "in"));
        yield return Way("RunAsync of a function that is not async", (tracer, body) => tracer.RunAsync("run", run =>
        {
            body(run);
            return Task.FromResult("out");
        }, inputs: "in"));

        static TestCaseData Way(string name, Func<LangSmithTracer, Action<RunTree>, Task> way) => new TestCaseData(way).SetArgDisplayNames(name);
    }

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [TestCaseSource(nameof(Ways))]
    public async Task Run_ThatReturns_IsCurrentInsideAndRecordsTheResult(Func<LangSmithTracer, Action<RunTree>, Task> way)
    {
        RunTree? given = null, current = null;

        await way(_tracer, run => (given, current) = (run, RunTree.Current));

        var recorded = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(given!.Id, Is.EqualTo(recorded.Id));
            Assert.That(current, Is.SameAs(given));
            Assert.That(recorded.Inputs.Text(), Is.EqualTo("""{"input":"in"}"""));
            Assert.That(recorded.Outputs.Text(), Is.EqualTo("""{"output":"out"}""").Or.Null);
            Assert.That(recorded.Error, Is.Null);
            Assert.That(recorded.EndTime, Is.Not.Null);
        });
    }

    [Test]
    public async Task Run_Result_IsTheOutputsAndTheReturnValue()
    {
        var answer = new { answer = 42 };

        Assert.That(_tracer.Run("sync", _ => answer), Is.SameAs(answer));
        Assert.That(await _tracer.RunAsync("async", _ => Task.FromResult(answer)), Is.SameAs(answer));

        Assert.That(_recorder.Runs.Select(run => run.Outputs.Text()), Is.All.EqualTo("""{"answer":42}"""));
    }

    [TestCaseSource(nameof(Ways))]
    public void Run_ThatThrows_RecordsTheErrorAndRethrowsItUntouched(Func<LangSmithTracer, Action<RunTree>, Task> way)
    {
        var thrown = new InvalidOperationException("broken") { Data = { ["key"] = "value" } };

        var caught = Assert.CatchAsync(() => way(_tracer, _ => Throw(thrown)));

        Assert.Multiple(() =>
        {
            Assert.That(caught, Is.SameAs(thrown));
            Assert.That(caught!.StackTrace, Does.Contain(nameof(Throw)));
            Assert.That(caught.Data, Has.Count.EqualTo(1));
            Assert.That(_recorder.Single("run").Error, Does.StartWith("System.InvalidOperationException: broken\n\n").And.Contains(nameof(Throw)));
            Assert.That(_recorder.Single("run").Outputs, Is.Null);
            Assert.That(_recorder.Single("run").EndTime, Is.Not.Null);
        });
    }

    [Test]
    public void RunAsync_Cancelled_IsCancelledForTheCaller()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        var task = _tracer.RunAsync("run", _ => Task.FromCanceled<int>(cancelled.Token));

        Assert.Multiple(() =>
        {
            Assert.That(async () => await task, Throws.InstanceOf<OperationCanceledException>());
            Assert.That(task.IsCanceled, Is.True);
            Assert.That(_recorder.Single("run").Error, Does.Contain("Cancel"));
        });
    }

    [TestCaseSource(nameof(Ways))]
    public async Task Run_EndedByItsFunction_KeepsThatAndCountsNothing(Func<LangSmithTracer, Action<RunTree>, Task> way)
    {
        using var faults = new FaultCounter();

        await way(_tracer, run => run.End("early"));

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Outputs.Text(), Is.EqualTo("""{"output":"early"}"""));
            Assert.That(faults["edit_after_end"], Is.Zero);
        });
    }

    [TestCase("RunAsync")]
    [TestCase("Run")]
    [TestCase("Traceable")]
    [TestCase("TraceStream")]
    public async Task SetOutputs_InsideAFunction_WinsOverItsResult(string wrapper)
    {
        const string Expected = """{"mine":true}""";
        switch (wrapper)
        {
            case "RunAsync":
                await _tracer.RunAsync("run", static run => Task.FromResult(Set(run)));
                break;
            case "Run":
                _tracer.Run("run", Set);
                break;
            case "Traceable":
                _tracer.Traceable(static () => Set(RunTree.Current!), "run")();
                break;
            default:
                await foreach (var unused in _tracer.TraceStream(Stream(), "run"))
                {
                }

                break;
        }

        Assert.That(_recorder.Single("run").Outputs.Text(), Is.EqualTo(Expected));

        static int Set(RunTree run)
        {
            run.SetOutputs(new { mine = true });
            return 42;
        }

        static async IAsyncEnumerable<int> Stream()
        {
            await Task.Yield();
            yield return Set(RunTree.Current!);
        }
    }

    [Test]
    public void StartRun_Disposed_EndsTheRunAndRestoresTheOuterOne()
    {
        using var outer = _tracer.StartRun("outer");
        using (var inner = _tracer.StartRun("inner"))
        {
            Assert.That(RunTree.Current, Is.SameAs(inner.Run));
            inner.Run.SetOutputs("out");
        }

        Assert.Multiple(() =>
        {
            Assert.That(RunTree.Current, Is.SameAs(outer.Run));
            Assert.That(_recorder.Single("inner").Outputs.Text(), Is.EqualTo("""{"output":"out"}"""));
            Assert.That(_recorder.Single("inner").EndTime, Is.Not.Null);
            Assert.That(_recorder.Single("outer").EndTime, Is.Null);
        });
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase(" ")]
    public async Task EveryStarter_WithoutAName_RunsAsUnnamed(string? name)
    {
        // A name may come from a model; a wrapper is made when the application starts.
        _tracer.StartRun(name!).Dispose();
        _tracer.Run(name!, _ => { });
        _tracer.Run(name!, _ => 1);
        await _tracer.RunAsync(name!, _ => Task.CompletedTask);
        await _tracer.RunAsync(name!, _ => Task.FromResult(1));
        Assert.That(_recorder.Runs.Select(run => run.Name), Is.EqualTo(Enumerable.Repeat("Unnamed", 5)));
        Assert.That(() => _tracer.Traceable(() => 1, name!), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void EveryStarter_WithoutAFunction_ThrowsAtOnce()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => _tracer.Run("run", (Action<RunTree>)null!), Throws.ArgumentNullException);
            Assert.That(() => _tracer.Run("run", (Func<RunTree, int>)null!), Throws.ArgumentNullException);
            Assert.That(() => { _ = _tracer.RunAsync("run", (Func<RunTree, Task>)null!); }, Throws.ArgumentNullException);
            Assert.That(() => { _ = _tracer.RunAsync("run", (Func<RunTree, Task<int>>)null!); }, Throws.ArgumentNullException);
            Assert.That(_recorder.Runs, Is.Empty);
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(Exception exception) => throw exception;
}
