namespace LangSmith.Http.Tests.Runs;

/// <summary>Rule 2: off, passing through, recording.</summary>
public class TracingStatesTests
{
    private static IEnumerable<TestCaseData> PassingThrough()
    {
        var recorder = new DelegateRecorder();
        yield return new TestCaseData(new LangSmithTracer(recorder, new LangSmithOptions { Tracing = false }), recorder).SetArgDisplayNames("tracing not switched on");
        yield return new TestCaseData(new LangSmithTracer(null, new LangSmithOptions { Tracing = true }), recorder).SetArgDisplayNames("no recorder");
    }

    [TestCaseSource(nameof(PassingThrough))]
    public async Task PassingThrough_RemoteParent_IsForwardedUnchangedAndNoRunIsCreated(LangSmithTracer tracer, object recorder)
    {
        var remote = Recording.Remote("langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-tags=t,langsmith-project=theirs");
        using var parent = TracingContext.UseParent(remote);

        await tracer.RunAsync("run", run =>
        {
            run.AddMetadata("own", 1);
            run.AddTags("own");
            run.AddEvent("own");
            run.SetInputs(1);
            run.SetOutputs(1);
            Assert.Multiple(() =>
            {
                Assert.That(run.IsRecorded, Is.False);
                Assert.That(RunTree.Current, Is.Null);
                Assert.That(Ambient.Current!.Context, Is.SameAs(remote), "what the handler sends");
                Assert.That(run.ToHeaders(), Is.EqualTo(remote.ToHeaders()));
            });
            return Task.CompletedTask;
        });

        Assert.That(((DelegateRecorder)recorder).Asked + ((DelegateRecorder)recorder).Started, Is.Zero);
    }

    [TestCaseSource(nameof(PassingThrough))]
    public void PassingThrough_ParentGivenToTheRun_IsWhatIsPassedOn(LangSmithTracer tracer, object recorder)
    {
        using var parent = TracingContext.UseParent(Recording.Remote());
        var given = RunContext.FromDottedOrder("20231114T221320123456Z" + Recording.RemoteTraceId)!;

        using (tracer.StartRun("run", options: new RunOptions { Parent = given }))
            Assert.That(Ambient.Current!.Context, Is.SameAs(given));
        using (tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None }))
            Assert.That(Ambient.Current!.Context, Is.Null);

        Assert.That(((DelegateRecorder)recorder).Started, Is.Zero);
    }

    [Test]
    public void NoRecorder_TracingOn_IsSaidOnceAtStartUp()
    {
        var logger = new ListLogger();

        var tracer = Recording.Tracer(null, logger: logger);
        tracer.StartRun("run").Dispose();

        Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains("LangSmith.Http.Export"));
    }

    [Test]
    public void Off_NothingIsCreatedAndNothingIsSent()
    {
        var recorder = new DelegateRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, Enabled = false });
        using var parent = TracingContext.UseParent(Recording.Remote());

        var result = tracer.Run("run", run =>
        {
            Assert.That(run.IsRecorded, Is.False);
            Assert.That(run.ToHeaders(), Is.Empty);
            return 42;
        });

        Assert.Multiple(() =>
        {
            Assert.That(result, Is.EqualTo(42));
            Assert.That(recorder.Asked + recorder.Started + recorder.Ended, Is.Zero);
        });
    }

    [Test]
    public void Off_InAScope_NothingIsCreatedAndNothingIsSent()
    {
        var recorder = new DelegateRecorder();
        var tracer = Recording.Tracer(recorder);
        using var parent = TracingContext.UseParent(Recording.Remote());
        using var off = TracingContext.With(enabled: false);

        using var scope = tracer.StartRun("run");

        Assert.Multiple(() =>
        {
            Assert.That(scope.Run.IsRecorded, Is.False);
            Assert.That(scope.Run.ToHeaders(), Is.Empty);
            Assert.That(recorder.Asked, Is.Zero);
        });
    }

    [Test]
    public void Unrecorded_Run_HasNothingToShow()
    {
        var tracer = new LangSmithTracer(null, new LangSmithOptions { Tracing = false });
        using var scope = tracer.StartRun("run", "in");
        scope.Run.Fail(new InvalidOperationException());

        Assert.Multiple(() =>
        {
            Assert.That(scope.Run.IsEnded, Is.True);
            Assert.That(scope.Run.Inputs, Is.Null);
            Assert.That(scope.Run.Metadata, Is.Empty);
            Assert.That(scope.Run.ToHeaders(), Is.Empty);
            Assert.That(scope.Run.Context.Tags, Is.Empty);
        });
    }

    [Test]
    public void Unrecorded_FunctionThatThrows_Throws()
    {
        var tracer = new LangSmithTracer(null, new LangSmithOptions { Tracing = false });
        var thrown = new InvalidOperationException();

        Assert.That(Assert.CatchAsync(() => tracer.RunAsync("run", _ => Task.FromException(thrown))), Is.SameAs(thrown));
    }

    [TestCase(" ", "Project", "LANGSMITH_PROJECT")]
    [TestCase("", "Project", "LANGSMITH_PROJECT")]
    public void Options_BlankProject_NameTheOptionAndTheRemedy(string project, string option, string remedy) =>
        Assert.That(
            () => new LangSmithTracer(null, new LangSmithOptions { Project = project }),
            Throws.ArgumentException.With.Message.Contains(option).And.Message.Contains(remedy));

    [Test]
    public void Options_NoSerialiser_NameTheOptionAndTheRemedy() =>
        Assert.That(
            () => new LangSmithTracer(null, new LangSmithOptions { JsonSerializerOptions = null! }),
            Throws.ArgumentException.With.Message.Contains("JsonSerializerOptions").And.Message.Contains("TypeInfoResolver"));

    [Test]
    public void Enabled_OnceFalse_StaysFalse()
    {
        var options = new LangSmithOptions { Enabled = false };
        options.Enabled = true;
        Assert.That(options.Enabled, Is.False);
    }
}
