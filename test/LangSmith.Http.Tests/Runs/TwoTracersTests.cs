namespace LangSmith.Http.Tests.Runs;

/// <summary>Two tracers with recorders of their own: each posts whole trees.</summary>
public class TwoTracersTests
{
    private InMemoryRunRecorder _ours = null!;
    private InMemoryRunRecorder _theirs = null!;
    private LangSmithTracer _tracer = null!;
    private LangSmithTracer _other = null!;

    [SetUp]
    public void SetUp()
    {
        (_ours, _theirs) = (new InMemoryRunRecorder(), new InMemoryRunRecorder());
        (_tracer, _other) = (Recording.Tracer(_ours, project: "ours"), Recording.Tracer(_theirs, project: "theirs"));
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [Test]
    public void StartRun_InsideAnotherTracersRun_IsARootThatNamesIt()
    {
        using var theirs = _other.StartRun("theirs", options: new RunOptions { Metadata = [new("key", "theirs")] });
        using var ours = _tracer.StartRun("ours");
        using var given = _tracer.StartRun("given", options: new RunOptions { Parent = theirs.Run });

        Assert.Multiple(() =>
        {
            foreach (var run in new[] { ours.Run, given.Run })
            {
                Assert.That((run.ParentRunId, run.Project), Is.EqualTo(((Guid?)null, "ours")));
                Assert.That(run.Metadata["other_tracer_run_id"].GetString(), Is.EqualTo(theirs.Run.Id.ToString()));
                Assert.That(run.Metadata["other_tracer_trace_id"].GetString(), Is.EqualTo(theirs.Run.TraceId.ToString()));
                Assert.That(run.Metadata, Has.Count.EqualTo(2), "nothing else of it");
                Assert.That(run.Context.Metadata, Is.Empty, "a fact about this run");
            }
        });
    }

    [Test]
    public void StartRun_RunsOfBothInTurn_EachContinuesItsOwnNearest()
    {
        using var ours = _tracer.StartRun("ours 1");
        using var theirs = _other.StartRun("theirs 1");
        using (TracingContext.With(tags: ["t"], metadata: [new("k", 1)]))
        using (var second = _tracer.StartRun("ours 2"))
        using (var secondOfTheirs = _other.StartRun("theirs 2"))
        using (var third = _tracer.StartRun("ours 3"))
        {
            Assert.Multiple(() =>
            {
                Assert.That(second.Run.ParentRunId, Is.EqualTo(ours.Run.Id));
                Assert.That(second.Run.Metadata.Keys, Is.EqualTo(new[] { "k" }));
                Assert.That(secondOfTheirs.Run.ParentRunId, Is.EqualTo(theirs.Run.Id));
                Assert.That(third.Run.ParentRunId, Is.EqualTo(second.Run.Id));
                Assert.That(third.Run.TraceId, Is.EqualTo(ours.Run.Id));
                Assert.That(RunTree.Current, Is.SameAs(third.Run));
            });
        }

        Assert.That(RunTree.Current, Is.SameAs(theirs.Run));
        using (TracingContext.UseParent(null))
        using (var root = _tracer.StartRun("root"))
            Assert.That(root.Run.ParentRunId, Is.Null, "UseParent(null) clears all of them");
    }

    [Test]
    public void StartRun_AnotherTracerSampledItsTraceOut_IsRecordedHere()
    {
        var choosy = Recording.Tracer(new DelegateRecorder { Decide = static _ => false });
        using var ours = _tracer.StartRun("ours");
        using var dropped = choosy.StartRun("dropped");
        using var inside = _tracer.StartRun("inside");

        Assert.That((dropped.Run.IsRecorded, inside.Run.ParentRunId), Is.EqualTo((false, (Guid?)ours.Run.Id)));
    }

    [Test]
    public void StartRun_TracersThatShareARecorder_AreOneTree()
    {
        using var outer = _tracer.StartRun("outer");
        using var inner = Recording.Tracer(_ours, project: "another").StartRun("inner");

        Assert.That((inner.Run.ParentRunId, inner.Run.Project), Is.EqualTo(((Guid?)outer.Run.Id, "ours")));
    }

    [Test]
    public void StartRun_TracersThatShareARecorder_EachRunIsShownToItsOwnTracersRedactor()
    {
        using var outer = _tracer.StartRun("outer");
        using (var inner = Recording.Tracer(_ours, redactor: new SecretRedactor()).StartRun("inner"))
            inner.Run.SetOutputs("ann@example.com");

        Assert.That(_ours.Single("inner").Outputs.Text(), Is.EqualTo("""{"output":"[EMAIL_DETECTED]"}"""));
    }
}
