namespace LangSmith.Http.Tests.Runs;

/// <summary>Decided by the trace's id, at each local root.</summary>
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

    [TestCase(false)]
    [TestCase(true)]
    public void ShouldRecord_RemoteParent_IsAskedWithItsTrace(bool isGiven)
    {
        var asked = new List<Guid>();
        var recorder = new DelegateRecorder
        {
            Decide = id =>
            {
                asked.Add(id);
                return false;
            },
        };
        var tracer = Recording.Tracer(recorder);
        var caller = Recording.Remote("langsmith-project=theirs,langsmith-metadata=%7B%22k%22%3A1%7D");
        using var parent = isGiven ? null : TracingContext.UseParent(caller);

        using (var scope = tracer.StartRun("run", options: isGiven ? new RunOptions { Parent = caller } : null))
        {
            using var child = tracer.StartRun("child");
            Assert.Multiple(() =>
            {
                Assert.That(asked, Is.All.EqualTo(caller.TraceId).And.Not.Empty);
                Assert.That((scope.Run.IsRecorded, child.Run.IsRecorded, recorder.Started), Is.EqualTo((false, false, 0)));
                Assert.That(scope.Run.ToHeaders(), Is.EqualTo(caller.ToHeaders()), "the nearest run that somebody records");
                Assert.That(child.Run.ToHeaders(), Is.EqualTo(caller.ToHeaders()));
            });
        }

        Assert.That(Ambient.Current?.Context, isGiven ? Is.Null : Is.SameAs(caller));
    }

    [Test]
    public void ForwardSampledOutTraces_On_HeadersCarryTheTraceAndThatItIsNotRecorded()
    {
        var recorder = new DelegateRecorder { Decide = static _ => false };
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, Project = "own", ForwardSampledOutTraces = true });

        using var root = tracer.StartRun("root");
        using var child = tracer.StartRun("child");
        var headers = root.Run.ToHeaders();
        var read = RunContext.FromHeaders(headers)!;
        using var other = tracer.StartRun("other", options: new RunOptions { Parent = root.Run });

        Assert.Multiple(() =>
        {
            Assert.That(headers["baggage"], Is.EqualTo($"langsmith-sampled=0;trace={read.TraceId},langsmith-project=own"));
            Assert.That(child.Run.ToHeaders(), Is.EqualTo(headers));
            Assert.That(other.Run.ToHeaders(), Is.EqualTo(headers));
            Assert.That((read.IsSampled, read.Project, read.DottedOrder), Is.EqualTo((false, "own", headers["langsmith-trace"])));
            Assert.That(read.ToHeaders(), Is.EqualTo(headers), "the next service says the same");
            Assert.That(recorder.Started, Is.Zero);
        });

        using var next = Recording.Tracer(new DelegateRecorder()).StartRun("next", options: new RunOptions { Parent = read });
        Assert.That(next.Run.IsRecorded, Is.False, "its parent never arrives");
        Assert.That(next.Run.ToHeaders(), Is.EqualTo(headers));
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
