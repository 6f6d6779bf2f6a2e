namespace LangSmith.Http.Tests.Runs;

/// <summary>Rule 8: what a run takes from its parent, the context around it and the options.</summary>
public class InheritanceTests
{
    private const string Address = "lrn:agents/a1/environments/production";

    private InMemoryRunRecorder _recorder = null!;

    [SetUp]
    public void SetUp() => _recorder = new InMemoryRunRecorder();

    [TestCase("theirs", "context", "own", "theirs")]
    [TestCase(null, "context", "own", "context")]
    [TestCase(null, null, "own", "own")]
    [TestCase("theirs", null, "own", "theirs")]
    public void Project_ParentThenContextThenOptions(string? parents, string? context, string own, string expected)
    {
        var tracer = Recording.Tracer(_recorder, project: own);
        using var parent = TracingContext.UseParent(Recording.Remote(parents is null ? null : "langsmith-project=" + parents));
        using var with = TracingContext.With(project: context);

        using (var run = tracer.StartRun("run"))
        using (var other = TracingContext.With(project: "later"))
            tracer.StartRun("child").Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Project, Is.EqualTo(expected));
            Assert.That(_recorder.Single("child").Project, Is.EqualTo(expected), "a trace never splits");
        });
    }

    [Test]
    public void Project_OfANewRootInsideARun_IsTheContexts()
    {
        var tracer = Recording.Tracer(_recorder);
        using var parent = TracingContext.UseParent(Recording.Remote("langsmith-project=theirs"));
        using var run = tracer.StartRun("run");

        using (TracingContext.With(project: "inner"))
            tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None }).Dispose();

        Assert.That(_recorder.Single("root").Project, Is.EqualTo("inner"));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("  ")]
    public void Project_NotGivenInAnInnerScope_StaysTheOuterScopes(string? inner)
    {
        var tracer = Recording.Tracer(_recorder);
        using (TracingContext.With(project: "outer"))
        using (TracingContext.With(project: inner))
            tracer.StartRun("run").Dispose();

        Assert.That(_recorder.Single("run").Project, Is.EqualTo("outer"));
    }

    [Test]
    public void Address_OfTheParent_ReplacesTheProjectAllTheWayDown()
    {
        var tracer = Recording.Tracer(_recorder);
        using var parent = TracingContext.UseParent(Recording.Remote("langsmith-address=" + Uri.EscapeDataString(Address)));
        using var with = TracingContext.With(project: "context");

        using var run = tracer.StartRun("run");
        using var child = tracer.StartRun("child");

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Runs.Select(r => r.Address), Is.All.EqualTo(Address));
            Assert.That(_recorder.Runs.Select(r => r.Project), Is.All.Null);
            Assert.That(child.Run.ToHeaders()["baggage"], Is.EqualTo("langsmith-address=" + Uri.EscapeDataString(Address)));
        });
    }

    [Test]
    public void Metadata_IsInheritedAndTheChildWins()
    {
        var tracer = Recording.Tracer(_recorder);
        var remote = Recording.Remote("langsmith-metadata=" + Uri.EscapeDataString("""{"from":"remote","remote":1}"""));
        using var parent = TracingContext.UseParent(remote);
        using var with = TracingContext.With(metadata: [new("from", "context"), new("context", 2)]);

        using var run = tracer.StartRun("run", options: new RunOptions { Metadata = [new("own", 3)] });
        run.Run.AddMetadata("added", 4);
        using var child = tracer.StartRun("child", options: new RunOptions { Metadata = [new("from", "child"), new("added", 5)] });
        run.Run.AddMetadata("late", 6);

        Assert.Multiple(() =>
        {
            Assert.That(Metadata(_recorder.Single("run")), Is.EqualTo("""context=2 from="context" own=3 remote=1"""));
            Assert.That(Metadata(_recorder.Single("child")), Is.EqualTo("""added=5 context=2 from="child" own=3 remote=1"""));
            Assert.That(remote.Metadata["from"].GetString(), Is.EqualTo("remote"), "the parent's stays as it was sent");
            Assert.That(child.Run.Metadata.ContainsKey("late"), Is.False);
        });
    }

    [Test]
    public void Metadata_OfAChild_DoesNotReachItsParentOrSiblings()
    {
        var tracer = Recording.Tracer(_recorder);
        using var run = tracer.StartRun("run", options: new RunOptions { Metadata = [new("k", 1)] });

        using (var child = tracer.StartRun("child"))
            child.Run.AddMetadata("child", true);
        using (tracer.StartRun("sibling"))
        {
        }

        Assert.Multiple(() =>
        {
            Assert.That(run.Run.Metadata.Keys, Is.EqualTo(new[] { "k" }));
            Assert.That(_recorder.Single("sibling").Metadata.Keys, Is.EqualTo(new[] { "k" }));
        });
    }

    [Test]
    public void Tags_ComeFromHeadersAndContextButNotFromALocalParent()
    {
        var tracer = Recording.Tracer(_recorder);
        using var parent = TracingContext.UseParent(Recording.Remote("langsmith-tags=remote%2Cboth"));
        using var outer = TracingContext.With(tags: ["context", "both"]);
        using var inner = TracingContext.With(tags: ["inner", ""]);

        using var run = tracer.StartRun("run", options: new RunOptions { Tags = ["own", "context"] });
        run.Run.AddTags("added");
        using var child = tracer.StartRun("child");

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Tags, Is.EqualTo(new[] { "remote", "both", "context", "inner", "own" }));
            Assert.That(_recorder.Single("child").Tags, Is.EqualTo(new[] { "context", "both", "inner" }));
        });
    }

    [Test]
    public void TagsAndMetadata_NullInOptions_AreNone()
    {
        var tracer = Recording.Tracer(_recorder);

        tracer.StartRun("run", options: new RunOptions { Tags = null!, Metadata = null! }).Dispose();

        Assert.That(_recorder.Single("run").Tags.Count + _recorder.Single("run").Metadata.Count, Is.Zero);
    }

    [Test]
    public void TagsAndMetadata_ThatThrowWhenTheyAreRead_DoNotFailTheCall()
    {
        using var faults = new FaultCounter();
        var tracer = Recording.Tracer(_recorder);
        static IEnumerable<T> Broken<T>(T first)
        {
            yield return first;
            throw new InvalidOperationException("Collection was modified");
        }

        tracer.StartRun("run", options: new RunOptions
        {
            Tags = Broken("t"),
            Metadata = Broken(new KeyValuePair<string, object?>("k", 1)),
        }).Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Tags, Is.EqualTo(new[] { "t" }));
            Assert.That(_recorder.Single("run").Metadata.Keys, Is.EqualTo(new[] { "k" }));
            Assert.That(faults["callback_failed"], Is.EqualTo(2));
        });
    }

    private static string Metadata(RunSnapshot run) =>
        string.Join(' ', run.Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value.GetRawText()}"));
}
