namespace LangSmith.Http.Tests.Runs;

public class TracingContextTests
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
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "every scope restores what was before");

    [Test]
    public void UseParent_InsideARun_TakesItsPlaceUntilDisposed()
    {
        using var outer = _tracer.StartRun("outer");
        using (TracingContext.UseParent(Recording.Remote()))
        {
            Assert.That(RunTree.Current, Is.Null);
            using var inner = _tracer.StartRun("inner");
            Assert.That(inner.Run.ParentRunId, Is.EqualTo(Guid.Parse(Recording.RemoteRunId)));
        }

        Assert.That(RunTree.Current, Is.SameAs(outer.Run));
    }

    [Test]
    public void UseParent_Null_ClearsRunAndParentButKeepsTheRest()
    {
        using var parent = TracingContext.UseParent(Recording.Remote("langsmith-project=theirs"));
        using var with = TracingContext.With(project: "context", tags: ["t"]);
        using var run = _tracer.StartRun("run");

        using (TracingContext.UseParent(null))
        {
            Assert.That(RunTree.Current, Is.Null);
            using var root = _tracer.StartRun("root");
            Assert.Multiple(() =>
            {
                Assert.That(root.Run.ParentRunId, Is.Null);
                Assert.That(root.Run.Project, Is.EqualTo("context"));
                Assert.That(root.Run.Tags, Is.EqualTo(new[] { "t" }));
            });
        }

        Assert.That(RunTree.Current, Is.SameAs(run.Run));
    }

    [Test]
    public void With_Nested_AddsTagsAndMetadataAndReplacesKeys()
    {
        using (TracingContext.With("p1", ["a"], [new("k", 1), new("x", 1)]))
        {
            using (TracingContext.With("p2", ["b", "a"], [new("k", 2)]))
                _tracer.StartRun("inner").Dispose();
            _tracer.StartRun("outer").Dispose();
        }

        _tracer.StartRun("outside").Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(Text("inner"), Is.EqualTo("p2 [a,b] k=2 x=1"));
            Assert.That(Text("outer"), Is.EqualTo("p1 [a] k=1 x=1"));
            Assert.That(Text("outside"), Is.EqualTo("own [] "));
        });

        string Text(string name)
        {
            var run = _recorder.Single(name);
            return $"{run.Project} [{string.Join(',', run.Tags)}] {string.Join(' ', run.Metadata.Select(pair => pair.Key + "=" + pair.Value))}";
        }
    }

    [Test]
    public void With_UnserialisableMetadata_RecordsTheTypeAndCounts()
    {
        using var faults = new FaultCounter();
        using (TracingContext.With(metadata: [new("stream", Stream.Null)]))
            _tracer.StartRun("run").Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Metadata["stream"].GetString(), Is.EqualTo("NullStream"));
            Assert.That(faults["not_serializable"], Is.EqualTo(1));
        });
    }

    [Test]
    public void With_EnabledFalse_SwitchesRunsOffAlsoFurtherIn()
    {
        using (TracingContext.With(enabled: false))
        {
            Assert.That(_tracer.StartRun("off").Run.IsRecorded, Is.False);
            using (TracingContext.With(enabled: true))
                Assert.That(_tracer.StartRun("still off").Run.IsRecorded, Is.False);
        }

        _tracer.StartRun("on again").Dispose();
        Assert.That(_recorder.Runs.Select(run => run.Name), Is.EqualTo(new[] { "on again" }));
    }

    [Test]
    public void With_EnabledTrue_RecordsThoughTracingIsNotSwitchedOn()
    {
        var tracer = new LangSmithTracer(_recorder, new LangSmithOptions { Tracing = false });
        using (TracingContext.With(enabled: true))
        using (TracingContext.With(tags: ["t"]))
            tracer.StartRun("on").Dispose();
        tracer.StartRun("off").Dispose();

        Assert.That(_recorder.Runs.Select(run => run.Name), Is.EqualTo(new[] { "on" }));
    }

    [Test]
    public void With_EnabledTrue_DoesNotOverrideTheKillSwitch()
    {
        var tracer = new LangSmithTracer(_recorder, new LangSmithOptions { Tracing = true, Enabled = false });

        using (TracingContext.With(enabled: true))
            tracer.StartRun("off").Dispose();

        Assert.That(_recorder.Runs, Is.Empty);
    }

    [Test]
    public void Suppress_ClearsEverything()
    {
        using var parent = TracingContext.UseParent(Recording.Remote());
        using var with = TracingContext.With("context", ["t"], [new("k", 1)]);
        using var run = _tracer.StartRun("run");

        using (TracingContext.Suppress())
        {
            Assert.That(RunTree.Current, Is.Null);
            using var root = _tracer.StartRun("root");
            Assert.Multiple(() =>
            {
                Assert.That(root.Run.ParentRunId, Is.Null);
                Assert.That(root.Run.Project, Is.EqualTo("own"));
                Assert.That(root.Run.Tags, Is.Empty);
                Assert.That(root.Run.Metadata, Is.Empty);
            });
        }

        Assert.That(RunTree.Current, Is.SameAs(run.Run));
    }

    [Test]
    public void Dispose_Twice_IsOnce()
    {
        using var outer = _tracer.StartRun("outer");
        var inner = TracingContext.UseParent(null);
        inner.Dispose();
        using var next = _tracer.StartRun("next");

        inner.Dispose();

        Assert.That(RunTree.Current, Is.SameAs(next.Run));
    }

    [Test]
    public void Dispose_InTheWrongOrder_LeavesTheInnerScopeAndThenRestoresTheOuter()
    {
        using var run = _tracer.StartRun("run");
        var first = TracingContext.With(project: "first");
        var second = TracingContext.With(project: "second");
        var third = _tracer.StartRun("third");

        first.Dispose();
        second.Dispose();
        Assert.That(RunTree.Current, Is.SameAs(third.Run));

        third.Dispose();
        Assert.That(RunTree.Current, Is.SameAs(run.Run));
        using var root = _tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None });
        Assert.That(root.Run.Project, Is.EqualTo("own"), "no ended scope is restored");
    }

    [Test]
    public async Task Dispose_InAnotherFlow_EndsTheRunAndChangesOnlyThatFlow()
    {
        using var outer = _tracer.StartRun("outer");
        var seen = await Task.Run(async () =>
        {
            var inner = _tracer.StartRun("inner");
            var (before, after) = await Task.Run(() =>
            {
                var before = RunTree.Current;
                inner.Dispose();
                return (before, RunTree.Current);
            });
            inner.Dispose();
            return (inner.Run, before, after);
        });

        Assert.Multiple(() =>
        {
            Assert.That(seen.before, Is.SameAs(seen.Run));
            Assert.That(seen.after, Is.SameAs(outer.Run));
            Assert.That(seen.Run.IsEnded, Is.True);
            Assert.That(RunTree.Current, Is.SameAs(outer.Run));
            Assert.That(_recorder.Single("inner").EndTime, Is.Not.Null);
        });
    }

    [Test]
    public void Dispose_WhereFlowWasSuppressed_TouchesNothing()
    {
        using var run = _tracer.StartRun("run");
        var inner = TracingContext.UseParent(Recording.Remote());
        RunTree? seen = run.Run;
        var thread = new Thread(() =>
        {
            inner.Dispose();
            seen = RunTree.Current;
        });
        thread.UnsafeStart();
        thread.Join();

        Assert.That(seen, Is.Null);
        inner.Dispose();
        Assert.That(RunTree.Current, Is.SameAs(run.Run));
    }
}
