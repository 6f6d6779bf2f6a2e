namespace LangSmith.Http.Tests.Runs;

/// <summary><see cref="RunOptions.Parent"/>: what a run continues.</summary>
public class RunParentTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    private static Dictionary<string, string> Headers => new()
    {
        ["Langsmith-Trace"] = Recording.RemoteDottedOrder,
        ["BAGGAGE"] = "langsmith-project=theirs,langsmith-tags=remote",
    };

    private static IEnumerable<TestCaseData> Remotes()
    {
        yield return new TestCaseData((RunParent)RunContext.FromHeaders(Headers)).SetArgDisplayNames("FromHeaders");
        yield return new TestCaseData((RunParent)RunContext.FromDottedOrder(Recording.RemoteDottedOrder)).SetArgDisplayNames("FromDottedOrder");
        yield return new TestCaseData((RunParent)Recording.Remote()).SetArgDisplayNames("RunContext");
        yield return new TestCaseData(RunParent.FromContext(Recording.Remote())).SetArgDisplayNames("FromContext");
    }

    private static IEnumerable<TestCaseData> Nothings()
    {
        yield return new TestCaseData(RunParent.None).SetArgDisplayNames("None");
        yield return new TestCaseData((RunParent)(RunContext?)null).SetArgDisplayNames("null");
        yield return new TestCaseData((RunParent)RunContext.FromHeaders((Dictionary<string, string>?)null)).SetArgDisplayNames("no headers");
        yield return new TestCaseData((RunParent)RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = "garbage" })).SetArgDisplayNames("bad headers");
        yield return new TestCaseData((RunParent)RunContext.FromDottedOrder(null)).SetArgDisplayNames("no dotted order");
        yield return new TestCaseData((RunParent)RunContext.FromDottedOrder("20231114T221320123456Znot-an-id")).SetArgDisplayNames("bad dotted order");
    }

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [Test]
    public void Parent_NotGiven_IsTheCurrentRun()
    {
        using var outer = _tracer.StartRun("outer");
        using var run = _tracer.StartRun("run", options: new RunOptions());
        using var other = _tracer.StartRun("other", options: new RunOptions { Parent = RunParent.Current });

        Assert.That((run.Run.ParentRunId, other.Run.ParentRunId), Is.EqualTo(((Guid?)outer.Run.Id, (Guid?)run.Run.Id)));
    }

    [TestCaseSource(nameof(Remotes))]
    public void Parent_OfAnotherProcess_IsContinuedInsteadOfTheCurrentRun(RunParent parent)
    {
        using var outer = _tracer.StartRun("outer");

        using (var run = _tracer.StartRun("run", options: new RunOptions { Parent = parent }))
        {
            Assert.That(run.Run.DottedOrder, Does.StartWith(Recording.RemoteDottedOrder + "."));
            Assert.That(RunTree.Current, Is.SameAs(run.Run));
        }

        Assert.That(RunTree.Current, Is.SameAs(outer.Run));
    }

    [Test]
    public void Parent_FromHeaders_BringsProjectAndTags()
    {
        using var run = _tracer.StartRun("run", options: new RunOptions { Parent = RunContext.FromHeaders(Headers) });

        Assert.That((run.Run.Project, run.Run.Tags.Single()), Is.EqualTo(("theirs", "remote")));
    }

    [TestCaseSource(nameof(Nothings))]
    public void Parent_NothingOrUnreadable_MakesARoot(RunParent parent)
    {
        using var outer = _tracer.StartRun("outer");

        using var run = _tracer.StartRun("run", options: new RunOptions { Parent = parent });

        Assert.Multiple(() =>
        {
            Assert.That(run.Run.ParentRunId, Is.Null);
            Assert.That(run.Run.TraceId, Is.EqualTo(run.Run.Id));
        });
    }

    [Test]
    public void Parent_RunOfThisProcess_IsContinuedLikeALocalParentEvenWhenItHasEnded()
    {
        RunTree first;
        using (var scope = _tracer.StartRun("first", options: new RunOptions { Tags = ["mine"], Metadata = [new("k", 1)] }))
            first = scope.Run;
        using var outer = _tracer.StartRun("outer");

        using var run = _tracer.StartRun("run", options: new RunOptions { Parent = first });

        Assert.Multiple(() =>
        {
            Assert.That(run.Run.ParentRunId, Is.EqualTo(first.Id));
            Assert.That(run.Run.Tags, Is.Empty, "tags do not come down from a local parent");
            Assert.That(run.Run.Metadata.Keys, Is.EqualTo(new[] { "k" }));
        });
    }

    [Test]
    public void Parent_RunNobodyRecords_IsWhateverIsCurrent()
    {
        var off = new LangSmithTracer(null, new LangSmithOptions { Tracing = false });
        using var outer = _tracer.StartRun("outer");
        using var unrecorded = off.StartRun("unrecorded");

        using var run = _tracer.StartRun("run", options: new RunOptions { Parent = unrecorded.Run });

        Assert.That(run.Run.ParentRunId, Is.EqualTo(outer.Run.Id));
    }

    [Test]
    public void Equality_IsThatOfTheRun()
    {
        Assert.Multiple(() =>
        {
            Assert.That(RunParent.Current, Is.EqualTo(default(RunParent)));
            Assert.That(RunParent.Current == RunParent.None, Is.False);
            Assert.That((RunParent)RunContext.FromDottedOrder("bad") == RunParent.None, Is.True);
            Assert.That((RunParent)RunContext.FromHeaders(Headers), Is.EqualTo((RunParent)RunContext.FromDottedOrder(Recording.RemoteDottedOrder)));
            Assert.That(((RunParent)RunContext.FromHeaders(Headers)).GetHashCode(), Is.EqualTo(((RunParent)RunContext.FromDottedOrder(Recording.RemoteDottedOrder)).GetHashCode()));
            Assert.That((RunParent)RunContext.FromHeaders(Headers) != RunParent.None, Is.True);
            Assert.That(RunParent.FromRun(null), Is.EqualTo(RunParent.Current));
        });
    }
}
