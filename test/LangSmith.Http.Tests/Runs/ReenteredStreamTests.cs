using System.Runtime.CompilerServices;

namespace LangSmith.Http.Tests.Runs;

/// <summary><see cref="TracingContext.UseParent{T}"/> and <see cref="TracingContext.UseRun{T}"/>: current on every step of a stream.</summary>
public class ReenteredStreamTests
{
    private readonly List<Guid?> _parents = [];
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _parents.Clear();
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    private static IEnumerable<TestCaseData> Ways()
    {
        yield return new TestCaseData((Func<IAsyncEnumerable<int>, RunTree, IAsyncEnumerable<int>>)(
            static (stream, run) => TracingContext.UseParent(run.Context, stream))).SetArgDisplayNames("UseParent");
        yield return new TestCaseData((Func<IAsyncEnumerable<int>, RunTree, IAsyncEnumerable<int>>)(
            static (stream, run) => TracingContext.UseRun(run, stream))).SetArgDisplayNames("UseRun");
    }

    [TestCaseSource(nameof(Ways))]
    public async Task Stream_ReadToTheEnd_RunsOfEveryStepAreChildren(Func<IAsyncEnumerable<int>, RunTree, IAsyncEnumerable<int>> use)
    {
        using var other = _tracer.StartRun("reader");
        var run = Outside();
        await foreach (var unused in use(Steps(), run))
            Assert.That(RunTree.Current, Is.SameAs(other.Run), "the reader keeps its own");

        Assert.That(_parents, Has.Count.EqualTo(5).And.All.EqualTo(run.Id), "before the first element, after each, and in finally");
        Assert.That(RunTree.Current, Is.SameAs(other.Run));
    }

    [TestCaseSource(nameof(Ways))]
    public async Task Stream_Left_FinallyStillHasIt(Func<IAsyncEnumerable<int>, RunTree, IAsyncEnumerable<int>> use)
    {
        var run = Outside();
        await foreach (var unused in use(Steps(), run))
            break;

        Assert.That(_parents, Has.Count.EqualTo(2).And.All.EqualTo(run.Id));
    }

    [TestCaseSource(nameof(Ways))]
    public void Stream_Cancelled_TheTokenReachesTheSource(Func<IAsyncEnumerable<int>, RunTree, IAsyncEnumerable<int>> use)
    {
        using var stop = new CancellationTokenSource();
        var run = Outside();

        Assert.That(async () =>
        {
            await foreach (var unused in use(Steps(), run).WithCancellation(stop.Token))
                await stop.CancelAsync();
        }, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(_parents, Has.Count.EqualTo(3).And.All.EqualTo(run.Id));
    }

    [Test]
    public async Task Stream_NestedInATracedOne_EachStepHasTheNearest()
    {
        var outer = Outside();
        await foreach (var unused in TracingContext.UseParent(outer.Context, _tracer.TraceStream(Steps(), "stream")))
        {
        }

        var stream = _recorder.Single("stream");
        Assert.That(stream.ParentRunId, Is.EqualTo(outer.Id));
        Assert.That(_parents, Is.All.EqualTo(stream.Id));
    }

    [Test]
    public async Task Iterator_WithAUsingOfItsOwn_LosesItAfterTheFirstYield()
    {
        var run = Outside();
        await foreach (var unused in Own())
        {
        }

        Assert.That(_parents, Is.EqualTo(new Guid?[] { run.Id, null }), "why there are these methods; C# itself does so");

        async IAsyncEnumerable<int> Own()
        {
            using var parent = TracingContext.UseParent(run.Context);
            Step();
            yield return 1;
            Step();
            await Task.Yield();
        }
    }

    [Test]
    public void Stream_Null_IsRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => TracingContext.UseParent<int>(null, null!), Throws.ArgumentNullException);
        Assert.That(() => TracingContext.UseRun<int>(null, null!), Throws.ArgumentNullException);
    });

    private RunTree Outside()
    {
        using var nothing = TracingContext.Suppress();
        using var scope = _tracer.StartRun("outside");
        return scope.Run;
    }

    private async IAsyncEnumerable<int> Steps([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            for (var i = 0; i < 4; i++)
            {
                Step();
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                if (i < 3)
                    yield return i;
            }
        }
        finally
        {
            if (_parents.Count < 5)
                Step();
        }
    }

    private void Step()
    {
        using var step = _tracer.StartRun("step");
        _parents.Add(step.Run.ParentRunId);
    }
}
