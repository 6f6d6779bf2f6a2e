using System.Runtime.CompilerServices;

namespace LangSmith.Http.Tests.Runs;

/// <summary>What a captured flow of execution keeps alive: identity, and nothing else.</summary>
[NonParallelizable]
public class RunMemoryTests
{
    private const int PayloadBytes = 10_000;

    // Identity, dotted order, the ambient node and the captured context: about 600 bytes on 64 bits.
    private const int BytesPerRun = 2_000;

    private readonly LangSmithTracer _tracer = Recording.Tracer(new DelegateRecorder());

    [Test]
    public void EndedRuns_CapturedByContextsThatStayAlive_KeepNoPayload()
    {
        const int Runs = 100_000;
        const int Step = 5_000;
        var captured = new List<ExecutionContext>(Runs);
        var ended = new List<RunTree>(Runs);
        StartAndEnd(captured, ended, 100);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        for (var done = 0; done < Runs; done += Step)
        {
            StartAndEnd(captured, ended, Step);
            // Looked at now and then: were the payloads kept, they would be gigabytes at the end.
            var perRun = (GC.GetTotalMemory(forceFullCollection: true) - before) / (done + Step);
            Assert.That(perRun, Is.LessThan(BytesPerRun), $"bytes for each of {done + Step} ended runs");
        }

        Assert.Multiple(() =>
        {
            Assert.That(captured, Has.Count.EqualTo(Runs + 100));
            Assert.That(
                ended.Count(run => run.Inputs is not null || run.Outputs is not null || run.Events.Count != 0),
                Is.Zero);
            Assert.That(CurrentIn(captured[0]), Is.SameAs(ended[0]), "the identity is still there");
        });
        GC.KeepAlive(captured);
    }

    // 64 bytes more than before runs had a clock of their own, facts and a scope that their end leaves: 713 and 896.
    [TestCase(false, 713 + 64)]
    [TestCase(true, 896 + 64)]
    public void StartAndEnd_OfARun_StaysWithinItsBytes(bool isChild, int most)
    {
        const int Runs = 1_000;
        var perRun = 0.0;
        // On a thread without the AsyncLocals of the test framework: each costs 16 bytes or more at every change of scope.
        var thread = new Thread(() =>
        {
            using var outer = isChild ? _tracer.StartRun("outer") : null;
            Use();
            var before = GC.GetAllocatedBytesForCurrentThread();
            Use();
            perRun = (double)(GC.GetAllocatedBytesForCurrentThread() - before) / Runs;
        });
        thread.UnsafeStart();
        thread.Join();

        TestContext.Out.WriteLine($"{perRun} bytes");
        Assert.That(perRun, Is.LessThanOrEqualTo(most + 1));

        void Use()
        {
            for (var i = 0; i < Runs; i++)
                _tracer.StartRun("run").Dispose();
        }
    }

    [Test]
    public async Task EndedRuns_OfEveryKind_DoNotKeepWhatTheyWereGiven()
    {
        var captured = new List<ExecutionContext?>();
        var given = new List<WeakReference>();

        // Yielding, because this method would otherwise go on upon the stack of the one whose locals are to be gone.
        await RunEveryKind(captured, given).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Collect();

        Assert.Multiple(() =>
        {
            Assert.That(given, Has.Count.EqualTo(12));
            Assert.That(given.Select((reference, i) => (i, reference.IsAlive)).Where(pair => pair.IsAlive).Select(pair => pair.i), Is.Empty);
        });
        GC.KeepAlive(captured);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void SelfReschedulingFlow_KeepsNoChainOfEndedScopes(bool isScopeOpenWhenTheNextStarts)
    {
        var runs = new List<WeakReference>();
        using var done = new ManualResetEventSlim();
        ExecutionContext? last = null;

        Next(0);
        done.Wait();
        Collect();

        Assert.Multiple(() =>
        {
            Assert.That(runs, Has.Count.EqualTo(10_000));
            // The one in the captured context, and what a thread of the pool may still hold.
            Assert.That(runs.Count(reference => reference.IsAlive), Is.LessThan(20));
        });
        GC.KeepAlive(last);

        void Next(int i)
        {
            if (i == 10_000)
            {
                last = ExecutionContext.Capture();
                done.Set();
                return;
            }

            var scope = _tracer.StartRun("step", options: new RunOptions { Parent = RunParent.None });
            runs.Add(new WeakReference(scope.Run));
            if (isScopeOpenWhenTheNextStarts)
            {
                // As a consumer does that schedules its next round from within a run.
                _ = Task.Run(() => Next(i + 1));
                scope.Dispose();
            }
            else
            {
                var work = ExecutionContext.Capture()!;
                scope.Dispose();
                ThreadPool.UnsafeQueueUserWorkItem(_ => ExecutionContext.Run(work, _ => Next(i + 1), null), null);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StartAndEnd(List<ExecutionContext> captured, List<RunTree> ended, int count)
    {
        for (var i = 0; i < count; i++)
        {
            using var scope = _tracer.StartRun("run", Payload());
            scope.Run.AddEvent("event", Payload());
            captured.Add(ExecutionContext.Capture()!);
            if (i % 2 == 0)
                scope.Run.End(Payload());
            else
                scope.Run.Fail(Payload());
            ended.Add(scope.Run);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task RunEveryKind(List<ExecutionContext?> captured, List<WeakReference> given)
    {
        Watched Watch()
        {
            var watched = new Watched();
            given.Add(new WeakReference(watched));
            captured.Add(ExecutionContext.Capture());
            return watched;
        }

        using (var scope = _tracer.StartRun("scope", Watch(), new RunOptions { Metadata = [new("k", Watch())] }))
        {
            scope.Run.AddMetadata("added", Watch());
            scope.Run.AddEvent("event", Watch());
            scope.Run.SetOutputs(Watch());
        }

        _ = await _tracer.RunAsync("async", async run =>
        {
            await Task.Yield();
            return Watch();
        }, Watch());
        _tracer.Traceable((Watched a) => Watch(), "traceable")(Watch());
        await foreach (var unused in _tracer.TraceStream(Stream(), "stream", elements => elements.Count))
            captured.Add(ExecutionContext.Capture());
        try
        {
            _tracer.Run("failed", run => run.Fail(new HoldingException(Watch())));
            throw new HoldingException(Watch());
        }
        catch (HoldingException exception)
        {
            using var scope = _tracer.StartRun("caught");
            captured.Add(ExecutionContext.Capture());
            scope.Run.Fail(exception);
        }

        async IAsyncEnumerable<Watched> Stream()
        {
            await Task.Yield();
            yield return Watch();
        }
    }

    private static RunTree? CurrentIn(ExecutionContext context)
    {
        RunTree? current = null;
        ExecutionContext.Run(context, _ => current = RunTree.Current, null);
        return current;
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static string Payload() => new('x', PayloadBytes);

    private sealed class Watched
    {
        public byte[] Bytes { get; } = new byte[PayloadBytes];
    }

    private sealed class HoldingException(Watched watched) : Exception
    {
        public Watched Watched { get; } = watched;
    }
}
