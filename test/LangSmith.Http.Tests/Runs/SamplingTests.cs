namespace LangSmith.Http.Tests.Runs;

/// <summary>Rule 3: decided once per root.</summary>
public class SamplingTests
{
    private static readonly Dictionary<string, string> OnlyNotSampled = new() { ["baggage"] = "langsmith-sampled=0" };

    private static IEnumerable<TestCaseData> Refusals()
    {
        yield return new TestCaseData((Func<Guid, bool>)(_ => false)).SetArgDisplayNames("false");
        yield return new TestCaseData((Func<Guid, bool>)(_ => throw new InvalidOperationException("undecided"))).SetArgDisplayNames("throws");
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [TestCaseSource(nameof(Refusals))]
    public async Task ShouldRecord_Refuses_NoRunOfTheTraceIsRecordedAndHeadersSaySo(Func<Guid, bool> decide)
    {
        var recorder = new DelegateRecorder { Decide = decide };
        var tracer = Recording.Tracer(recorder);

        using (var root = tracer.StartRun("root"))
        {
            Assert.That(root.Run.IsRecorded, Is.False);
            Assert.That(root.Run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
            Assert.That(RunTree.Current, Is.Null);
            using var child = tracer.StartRun("child");
            Assert.That(child.Run.IsRecorded, Is.False);
            Assert.That(child.Run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
            await tracer.RunAsync("grandchild", run =>
            {
                Assert.That(run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
                return Task.CompletedTask;
            });
            await foreach (var unused in tracer.TraceStream(Stream(), "stream"))
                Assert.That(Ambient.Current!.Context!.ToHeaders(), Is.EqualTo(OnlyNotSampled));
        }

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Asked, Is.EqualTo(1), "once per root");
            Assert.That(recorder.Started + recorder.Ended, Is.Zero);
        });

        static async IAsyncEnumerable<int> Stream()
        {
            await Task.Yield();
            yield return 1;
        }
    }

    [Test]
    public void ShouldRecord_IsAskedWithTheTracesIdOncePerRoot()
    {
        var asked = new List<Guid>();
        var tracer = Recording.Tracer(new DelegateRecorder
        {
            Decide = id =>
            {
                asked.Add(id);
                return true;
            },
        });

        using var root = tracer.StartRun("root");
        tracer.StartRun("child").Dispose();
        using var second = tracer.StartRun("second", options: new RunOptions { Parent = RunParent.None });

        Assert.That(asked, Is.EqualTo(new[] { root.Run.TraceId, second.Run.TraceId }));
    }

    [Test]
    public void ShouldRecord_RemoteParent_IsNotAsked()
    {
        var recorder = new DelegateRecorder { Decide = _ => false };
        using var parent = TracingContext.UseParent(Recording.Remote());

        using var scope = Recording.Tracer(recorder).StartRun("run");

        Assert.That((recorder.Asked, scope.Run.IsRecorded), Is.EqualTo((0, true)));
    }

    [Test]
    public void StartRun_CallerDoesNotRecordTheTrace_DoesNotEither()
    {
        var recorder = new DelegateRecorder();
        var tracer = Recording.Tracer(recorder);

        using (TracingContext.UseParent(Recording.RemoteNotSampled()))
        using (var scope = tracer.StartRun("current"))
            Assert.That(scope.Run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
        using (var scope = tracer.StartRun("given", options: new RunOptions { Parent = Recording.RemoteNotSampled() }))
        {
            Assert.That(scope.Run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
            using var child = tracer.StartRun("child");
            Assert.That(child.Run.IsRecorded, Is.False);
        }

        Assert.That(recorder.Asked + recorder.Started, Is.Zero);
    }

    [Test]
    public void StartRun_NewRootInsideARefusedTrace_IsDecidedAnew()
    {
        var decisions = new Queue<bool>([false, true]);
        var recorder = new DelegateRecorder { Decide = _ => decisions.Dequeue() };
        var tracer = Recording.Tracer(recorder);
        using var refused = tracer.StartRun("refused");

        using (var root = tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None }))
            Assert.That(root.Run.IsRecorded, Is.True);

        Assert.That(refused.Run.ToHeaders(), Is.EqualTo(OnlyNotSampled));
    }
}
