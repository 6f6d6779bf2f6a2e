using System.Reflection;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Where the current run goes, and where it does not.</summary>
public class TracingContextFlowTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    private static IEnumerable<TestCaseData> WaysToGoOn()
    {
        yield return Way("Task.Run", read => Task.Run(read));
        yield return Way("ConfigureAwait(false)", async read =>
        {
            await Task.Delay(1).ConfigureAwait(false);
            await Task.Yield();
            return read();
        });
        yield return Way("Parallel.ForEachAsync", async read =>
        {
            var seen = new RunTree?[8];
            await Parallel.ForEachAsync(Enumerable.Range(0, seen.Length), async (i, token) =>
            {
                await Task.Yield();
                seen[i] = read();
            });
            return seen.Distinct().Single();
        });
        yield return Way("Timer", async read =>
        {
            var done = new TaskCompletionSource<RunTree?>(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var timer = new Timer(_ => done.TrySetResult(read()), null, 1, Timeout.Infinite);
            return await done.Task;
        });
        yield return Way("Task.WhenAll", async read =>
        {
            var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
            {
                await Task.Yield();
                return read();
            }));
            return all.Distinct().Single();
        });
        yield return Way("Thread", read =>
        {
            var done = new TaskCompletionSource<RunTree?>();
            new Thread(() => done.SetResult(read())).Start();
            return done.Task;
        });
        yield return Way("ThreadPool", read =>
        {
            var done = new TaskCompletionSource<RunTree?>();
            ThreadPool.QueueUserWorkItem(_ => done.SetResult(read()));
            return done.Task;
        });

        static TestCaseData Way(string name, Func<Func<RunTree?>, Task<RunTree?>> goOn) => new TestCaseData(goOn).SetArgDisplayNames(name);
    }

    private static IEnumerable<TestCaseData> Starters()
    {
        yield return Starter("RunAsync", (tracer, wait) => tracer.RunAsync("run", async _ => await wait));
        yield return Starter("RunAsync of a result", (tracer, wait) => tracer.RunAsync("run", async _ =>
        {
            await wait;
            return 1;
        }));
        yield return Starter("Traceable", (tracer, wait) => tracer.Traceable(async () => await wait, "run")());
        yield return Starter("Traceable of a result", (tracer, wait) => tracer.Traceable(
            async (int n) =>
            {
                await wait;
                return n;
            },
            "run")(1));
        yield return Starter("TraceStream", (tracer, wait) => tracer.TraceStream(Stream(wait), "run").GetAsyncEnumerator().MoveNextAsync().AsTask());

        static TestCaseData Starter(string name, Func<LangSmithTracer, Task, Task> start) => new TestCaseData(start).SetArgDisplayNames(name);

        static async IAsyncEnumerable<int> Stream(Task wait)
        {
            await wait;
            yield return 1;
        }
    }

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [TestCaseSource(nameof(WaysToGoOn))]
    public async Task Current_FlowsInto(Func<Func<RunTree?>, Task<RunTree?>> goOn)
    {
        using var scope = _tracer.StartRun("run");

        var seen = await goOn(() => RunTree.Current);

        Assert.Multiple(() =>
        {
            Assert.That(seen, Is.SameAs(scope.Run));
            Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        });
    }

    [TestCaseSource(nameof(WaysToGoOn))]
    public async Task Scope_OpenedThereAndLeftOpen_DoesNotComeBack(Func<Func<RunTree?>, Task<RunTree?>> goOn)
    {
        using var scope = _tracer.StartRun("run");

        await goOn(() =>
        {
            _tracer.StartRun("left open");
            TracingContext.UseParent(Recording.Remote());
            return null;
        });

        Assert.That(RunTree.Current, Is.SameAs(scope.Run));
    }

    [Test]
    public async Task Current_WhereFlowIsSuppressed_IsNothing()
    {
        using var scope = _tracer.StartRun("run");
        Task<RunTree?> task;
        using (ExecutionContext.SuppressFlow())
            task = Task.Run(() => RunTree.Current);

        Assert.That(await task, Is.Null);
    }

    [Test]
    public async Task StartRun_InParallelBranches_EachBranchHasItsOwnChain()
    {
        using var scope = _tracer.StartRun("root");

        await Parallel.ForEachAsync(Enumerable.Range(0, 200), async (i, token) =>
        {
            using var parent = _tracer.StartRun("parent " + i);
            await Task.Yield();
            using var child = _tracer.StartRun("child " + i);
            await Task.Yield();
            Assert.That(RunTree.Current, Is.SameAs(child.Run));
        });

        var byName = _recorder.Runs.ToDictionary(run => run.Name);
        Assert.Multiple(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                Assert.That(byName["parent " + i].ParentRunId, Is.EqualTo(scope.Run.Id));
                Assert.That(byName["child " + i].ParentRunId, Is.EqualTo(byName["parent " + i].Id));
            }
        });
    }

    [Test]
    public async Task StartRun_InWorkThatOutlivesTheRun_StillAttachesToIt()
    {
        var isEnded = new TaskCompletionSource();
        Task work;
        RunTree run;
        using (var scope = _tracer.StartRun("run"))
        {
            run = scope.Run;
            work = Task.Run(async () =>
            {
                await isEnded.Task;
                using (_tracer.StartRun("late"))
                {
                }

                using (_tracer.StartRun("later"))
                {
                }
            });
        }

        isEnded.SetResult();
        await work;

        Assert.Multiple(() =>
        {
            Assert.That(run.IsEnded, Is.True);
            Assert.That(_recorder.Single("late").ParentRunId, Is.EqualTo(run.Id));
            Assert.That(_recorder.Single("later").ParentRunId, Is.EqualTo(run.Id));
        });
    }

    [TestCaseSource(nameof(Starters))]
    public async Task AsyncMethod_StillRunning_HasSetNothingForItsCaller(Func<LangSmithTracer, Task, Task> start)
    {
        using var scope = _tracer.StartRun("caller");
        var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var running = start(_tracer, wait.Task);
        var whileRunning = RunTree.Current;
        wait.SetResult();
        await running;

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").ParentRunId, Is.EqualTo(scope.Run.Id), "it did start");
            Assert.That(whileRunning, Is.SameAs(scope.Run));
            Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        });
    }

    // A method that is new here has to be looked at: is it among the starters above, or does it set no state at all?
    [Test]
    public void PublicMethods_ThatReturnATask_AreTheOnesTestedHere()
    {
        var methods = typeof(LangSmithTracer).Assembly.GetExportedTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(method => method.GetCustomAttribute<ObsoleteAttribute>() is not { IsError: true })
            .Where(method => typeof(Task).IsAssignableFrom(method.ReturnType) || method.ReturnType.Name.StartsWith("ValueTask", StringComparison.Ordinal))
            .Select(method => method.DeclaringType!.Name + "." + method.Name);

        Assert.That(methods, Is.EquivalentTo(new[] { "LangSmithTracer.RunAsync", "LangSmithTracer.RunAsync" }));
    }
}
