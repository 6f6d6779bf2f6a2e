namespace LangSmith.Http.Tests.Runs;

/// <summary>Scopes that are forgotten, that overlap, and that are ended elsewhere: work stays linear, and what is held stays flat.</summary>
public class AmbientScopeTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    private static IEnumerable<TestCaseData> Switches()
    {
        yield return Case("nested and ended", static (_, _) =>
        {
            TracingContext.With(project: "p").Dispose();
            return null;
        });
        yield return Case("overlapping", static (last, _) =>
        {
            var next = TracingContext.With(project: "p");
            last?.Dispose();
            return next;
        });
        yield return Case("overlapping, every other forgotten", static (last, i) =>
        {
            var next = TracingContext.UseParent(null);
            if (i % 2 == 1)
                last?.Dispose();
            return next;
        });
        yield return Case("forgotten", static (_, _) => TracingContext.With(project: "p"));
        yield return Case("forgotten, another parent each", static (_, _) => TracingContext.UseParent(Recording.Remote()));
        yield return Case("ended in another flow", static (_, _) =>
        {
            var scope = TracingContext.With(project: "p");
            ExecutionContext.Run(ExecutionContext.Capture()!, static scope => ((IDisposable)scope!).Dispose(), scope);
            scope.Dispose();
            return null;
        });

        static TestCaseData Case(string name, Func<IDisposable?, int, IDisposable?> each) => new TestCaseData(each).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Switches))]
    public void Scopes_AMillion_WorkIsLinearAndWhatIsHeldIsFlat(Func<IDisposable?, int, IDisposable?> each)
    {
        const int Count = 1_000_000;
        var sizes = new List<long>();
        long steps = 0;

        ExecutionContext.Run(ExecutionContext.Capture()!, _ =>
        {
            IDisposable? last = null;
#if DEBUG
            var before = Ambient.Steps;
#endif
            for (var i = 1; i <= Count; i++)
            {
                last = each(last, i);
                if (i is 1_000 or Count)
                    sizes.Add(ObjectGraph.GetSize(new object?[] { Ambient.Current, last }));
            }

#if DEBUG
            steps = Ambient.Steps - before;
#endif
        }, null);

        TestContext.Out.WriteLine($"{steps} steps, {sizes[0]} bytes after 1,000, {sizes[1]} after {Count}");
        Assert.That(steps, Is.LessThanOrEqualTo(2 * Count));
        Assert.That(sizes[1], Is.LessThanOrEqualTo(sizes[0] + 512));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Scopes_ManyOpenEndedInAnyOrder_RestoreWhatWasBeforeInLinearWork(bool newestFirst)
    {
        const int Count = 100_000;
        using var run = _tracer.StartRun("run");
        var scopes = Enumerable.Range(0, Count).Select(_ => TracingContext.UseParent(Recording.Remote())).ToArray();
        // All but the last, which is current: none of them restores anything.
        var inner = scopes[..^1];
        if (newestFirst)
            Array.Reverse(inner);
#if DEBUG
        var before = Ambient.Steps;
#endif
        foreach (var scope in inner)
            scope.Dispose();
        Assert.That(RunTree.Current, Is.Null, "the last one is open");

        scopes[^1].Dispose();

        Assert.That(RunTree.Current, Is.SameAs(run.Run));
#if DEBUG
        Assert.That(Ambient.Steps - before, Is.LessThanOrEqualTo(2 * Count));
#endif
    }

    [Test]
    public async Task Dispose_InAnotherFlowFirst_TheOwnersOwnStillRestores()
    {
        using var outer = _tracer.StartRun("outer");
        var inner = _tracer.StartRun("inner");

        await Task.Run(inner.Dispose);
        Assert.That(RunTree.Current, Is.SameAs(inner.Run), "this flow has not been left");

        inner.Dispose();
        Assert.That(RunTree.Current, Is.SameAs(outer.Run));
    }

    [Test]
    public async Task Dispose_InAFlowThatHasAScopeInside_TheOwnersOwnStillRestores()
    {
        using var outer = _tracer.StartRun("outer");
        var inner = _tracer.StartRun("inner");

        await Task.Run(() =>
        {
            using var further = TracingContext.With(project: "p");
            inner.Dispose();
        });

        inner.Dispose();
        Assert.That(RunTree.Current, Is.SameAs(outer.Run));
    }

    [Test]
    public async Task End_ThenDispose_WorkThatOutlivesTheRunStaysItsChild()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<(Guid?, Guid?)> late;
        Guid id;
        using (_tracer.StartRun("outer"))
        using (var scope = _tracer.StartRun("run"))
        {
            id = scope.Run.Id;
            late = Task.Run(async () =>
            {
                await go.Task;
                Guid? Child()
                {
                    using var child = _tracer.StartRun("late");
                    return child.Run.ParentRunId;
                }

                return (Child(), Child());
            });
            scope.Run.End();
        }

        go.SetResult();
        Assert.That(await late, Is.EqualTo(((Guid?)id, (Guid?)id)));
    }

    private static IEnumerable<TestCaseData> Ends()
    {
        yield return new TestCaseData((Action<RunTree>)(static run => run.End("done"))).SetArgDisplayNames("End");
        yield return new TestCaseData((Action<RunTree>)(static run => run.Fail("broken"))).SetArgDisplayNames("Fail(string)");
        yield return new TestCaseData((Action<RunTree>)(static run => run.Fail(new IOException()))).SetArgDisplayNames("Fail(Exception)");
    }

    [TestCaseSource(nameof(Ends))]
    public void End_WithoutDispose_TheNextRunIsASibling(Action<RunTree> end)
    {
        var sizes = new List<long>();
        using var outer = _tracer.StartRun("outer");
        for (var i = 1; i <= 8_000; i++)
        {
            var scope = _tracer.StartRun("step");
            end(scope.Run);
            Assert.That(RunTree.Current, Is.SameAs(outer.Run));
            if (i is 100 or 8_000)
                sizes.Add(ObjectGraph.GetSize(new object?[] { Ambient.Current?.Run?.Context, scope.Run.Context }));
        }

        Assert.That(_recorder.Runs.Where(run => run.Name == "step").Select(run => run.ParentRunId), Is.All.EqualTo(outer.Run.Id));
        Assert.That(sizes[1], Is.EqualTo(sizes[0]));
    }

    [TestCaseSource(nameof(Ends))]
    public void End_WithoutDisposeOfARunThatIsNotRecorded_RestoresWhatWasBefore(Action<RunTree> end)
    {
        var sampling = Recording.Tracer(new DelegateRecorder { Decide = static _ => false });
        end(sampling.StartRun("sampled out").Run);
        Assert.That(Ambient.Current, Is.Null);

        var passing = Recording.Tracer(null);
        end(passing.StartRun("passed through", options: new RunOptions { Parent = Recording.Remote() }).Run);
        Assert.That(Ambient.Current, Is.Null);
    }

    [Test]
    public async Task End_InAnotherFlow_LeavesTheRunCurrentHere()
    {
        using var outer = _tracer.StartRun("outer");
        using (var scope = _tracer.StartRun("run"))
        {
            await Task.Run(() => scope.Run.End());
            Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        }

        Assert.That(RunTree.Current, Is.SameAs(outer.Run));
    }

    [Test]
    public void StartRun_NeitherEndedNorDisposed_StopsWhereAHeaderEndsAndSaysSo()
    {
        var logger = new ListLogger();
        var recorder = new DelegateRecorder();
        var tracer = Recording.Tracer(recorder, logger: logger);
        using var counts = new Counts();
        string? deepest = null;

        ExecutionContext.Run(ExecutionContext.Capture()!, _ =>
        {
            for (var i = 0; i < 1_000; i++)
                _ = tracer.StartRun("step");
            deepest = RunTree.Current!.ToHeaders()["langsmith-trace"];
        }, null);

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Started, Is.EqualTo(138));
            Assert.That(deepest, Has.Length.EqualTo((138 * 59) - 1), "the deepest one is what headers name");
            Assert.That(counts["langsmith.http.runs:too_deep"], Is.EqualTo(1_000 - 138));
            Assert.That(logger.Lines.Count(line => line.Contains("deeper in its tree", StringComparison.Ordinal)), Is.EqualTo(1));
        });
    }

    [Test]
    public void StartRun_RootsThatAreForgotten_HoldABoundedNumber()
    {
        var tracer = Recording.Tracer(new DelegateRecorder());
        var runs = new List<WeakReference>();
        ExecutionContext.Run(ExecutionContext.Capture()!, _ =>
        {
            for (var i = 0; i < 2_000; i++)
                Start();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            Assert.That(RunTree.Current, Is.Not.Null);
        }, null);

        Assert.That(runs.Count(static run => run.IsAlive), Is.LessThan(600));

        void Start() => runs.Add(new WeakReference(tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None }).Run));
    }

    [Test]
    public void Current_WhereTracingIsOff_IsNothingAndNoHeaderCanBeMade()
    {
        using var run = _tracer.StartRun("run");
        using (TracingContext.With(enabled: false))
        {
            Assert.That(RunTree.Current, Is.Null);
            using var off = _tracer.StartRun("off");
            Assert.That(off.Run.ToHeaders(), Is.Empty);
            Assert.That(RunScope.NotRecorded.Run.ToHeaders(), Is.Empty);
            using (TracingContext.UseRun(run.Run))
                Assert.That(RunTree.Current, Is.Null, "off is off");
        }

        Assert.That(RunTree.Current, Is.SameAs(run.Run));
    }
}
