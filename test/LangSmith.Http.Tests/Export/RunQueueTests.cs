using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Export;

/// <summary>The queue's accounting, operation by operation.</summary>
public sealed class RunQueueTests
{
    private static readonly ExportSettings Settings =
        ExportSettingsReader.TryRead(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9" }, out _)!;

    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Bounds_AreExact_AndTheNewestIsRefused()
    {
        var operations = Enumerable.Range(0, 3).Select(static _ => NewRun().Start).ToList();
        var (first, second, third) = (operations[0], operations[1], operations[2]);
        var byCount = new RunQueue(2, long.MaxValue, _time);
        Assert.That((byCount.TryStart(first), byCount.TryStart(second), byCount.TryStart(third)), Is.EqualTo(((DropReason?)null, (DropReason?)null, (DropReason?)DropReason.QueueFull)));
        var byBytes = new RunQueue(100, first.Size + second.Size, _time);
        Assert.That((byBytes.TryStart(first), byBytes.TryStart(second), byBytes.TryStart(third)), Is.EqualTo(((DropReason?)null, (DropReason?)null, (DropReason?)DropReason.QueueFull)));
        Assert.That(byBytes.Bytes, Is.EqualTo(first.Size + second.Size));
        Assert.That(new RunQueue(100, first.Size - 1, _time).TryStart(first), Is.EqualTo(DropReason.QueueFull), "one byte less");

        // On its way it counts still.
        var batch = byCount.Take(1, long.MaxValue)!;
        Assert.That(byCount.TryStart(third), Is.EqualTo(DropReason.QueueFull));
        Assert.That(byCount.Waiting, Is.EqualTo((1, second.Size, second.QueuedAt)), "that on its way does not wait");
        byCount.Complete(batch, []);
        Assert.That(byCount.TryStart(third), Is.Null);
    }

    [Test]
    public void StartAndEnd_ThatMeet_AreOnePost_WithTheEndsBytes()
    {
        var queue = new RunQueue(1, long.MaxValue, _time);
        var run = NewRun();
        Assert.That(queue.TryStart(run.Start), Is.Null);
        var end = run.End();
        Assert.That(queue.TryEnd(end), Is.Null, "it takes no place of its own");
        Assert.That((queue.Count, queue.Bytes), Is.EqualTo((1, end.Size)));
        var batch = queue.Take(10, long.MaxValue)!;
        var only = batch.Operations.Single();
        Assert.That((only.IsCreate, only.Weight, only.Run.Inputs is not null, only.Run.Outputs is not null), Is.EqualTo((true, 2, true, true)));
        queue.Complete(batch, []);
        AssertEmpty(queue);
    }

    [Test]
    public void End_OfAStartThatWasSent_IsAnUpdateWithoutInputs()
    {
        var queue = new RunQueue(10, long.MaxValue, _time);
        var run = NewRun();
        queue.TryStart(run.Start);
        queue.Complete(queue.Take(10, long.MaxValue)!, []);
        Assert.That((queue.Count, queue.Bytes, queue.OpenCount), Is.EqualTo((0, 0L, 1)));
        queue.TryEnd(run.End());
        var batch = queue.Take(10, long.MaxValue)!;
        Assert.That((batch.Operations[0].IsCreate, batch.Operations[0].Run.Inputs is null), Is.EqualTo((false, true)));
        Assert.That(batch.Bytes, Is.EqualTo(queue.Bytes));
        queue.Complete(batch, []);
        AssertEmpty(queue);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void End_WhoseStartIsOnItsWay_WaitsForItsFate(bool isLost)
    {
        var queue = new RunQueue(10, long.MaxValue, _time);
        var run = NewRun();
        queue.TryStart(run.Start);
        var sending = queue.Take(10, long.MaxValue)!;
        var end = run.End();
        Assert.That(queue.TryEnd(end), Is.Null);
        Assert.That((queue.Count, queue.Bytes), Is.EqualTo((2, run.Start.Size + end.Size)));
        var flushed = queue.LastSequence;
        Assert.That((queue.Take(10, long.MaxValue), queue.IsDone(flushed)), Is.EqualTo(((RunBatch?)null, false)));

        // A younger one must not hide it from who flushes.
        queue.TryStart(NewRun().Start);
        queue.Complete(sending, isLost ? sending.Operations.ToList() : []);
        Assert.That(queue.IsDone(flushed), Is.False);
        var batch = queue.Take(1, long.MaxValue)!;
        Assert.That((batch.Operations[0].Id, batch.Operations[0].IsCreate, batch.Operations[0].Run.Inputs is not null), Is.EqualTo((run.Start.Id, isLost, isLost)));
        queue.Complete(batch, []);
        Assert.That(queue.IsDone(flushed), Is.True);
        queue.Complete(queue.Take(1, long.MaxValue)!, []);
        Assert.That((queue.Count, queue.Bytes, queue.OpenCount), Is.EqualTo((0, 0L, 1)));
    }

    [Test]
    public void End_OfAStartThatWasRefusedOrLost_IsOneWholePost()
    {
        var queue = new RunQueue(1, long.MaxValue, _time);
        var (lost, refused) = (NewRun(), NewRun());
        queue.TryStart(lost.Start);
        Assert.That(queue.TryStart(refused.Start), Is.EqualTo(DropReason.QueueFull));
        var sending = queue.Take(1, long.MaxValue)!;
        queue.Complete(sending, sending.Operations.ToList());
        foreach (var run in (Run[])[lost, refused])
        {
            Assert.That(queue.TryEnd(run.End()), Is.Null);
            var batch = queue.Take(10, long.MaxValue)!;
            Assert.That((batch.Operations[0].Id, batch.Operations[0].IsCreate, batch.Operations[0].Run.Inputs is not null), Is.EqualTo((run.Start.Id, true, true)));
            queue.Complete(batch, []);
        }

        AssertEmpty(queue);
    }

    [Test]
    public void Start_ThatIsLostWithItsRefusedEnd_IsNotRemembered()
    {
        var lost = NewRun(outputs: 10_000);
        var queue = new RunQueue(1, lost.Start.Size + 2000, _time, maxOpen: 1);
        queue.TryStart(lost.Start);
        var sending = queue.Take(1, long.MaxValue)!;
        Assert.That(queue.TryEnd(lost.End()), Is.EqualTo(DropReason.QueueFull));
        var refused = NewRun();
        queue.Complete(sending, sending.Operations.ToList());
        // There is room to remember one.
        Assert.That(queue.TryStart(NewRun().Start), Is.Null);
        Assert.That(queue.TryStart(refused.Start), Is.EqualTo(DropReason.QueueFull));
        queue.Complete(queue.Take(1, long.MaxValue)!, []);
        Assert.That(queue.TryEnd(refused.End()), Is.Null);
        Assert.That(queue.Take(1, long.MaxValue)!.Operations[0].MakesUpForStart, Is.True);
    }

    [Test]
    public void End_ThatIsRefused_IsReplacedByOneWithoutItsOutputs_OfNoWeight()
    {
        var run = NewRun(outputs: 1000);
        var other = NewRun(outputs: 1000);
        var sent = NewRun(outputs: 1000);
        var queue = new RunQueue(100, (2 * run.Start.Size) + 500, _time);
        queue.TryStart(sent.Start);
        queue.Complete(queue.Take(1, long.MaxValue)!, []);
        queue.TryStart(run.Start);
        var sending = queue.Take(1, long.MaxValue)!;
        queue.TryStart(other.Start);
        foreach (var end in (Run[])[other, run, sent])
            Assert.That(queue.TryEnd(end.End()), Is.EqualTo(DropReason.QueueFull));
        queue.Complete(sending, []);
        queue.Close("closed");
        var rest = queue.Take(10, long.MaxValue)!;
        Assert.That(
            rest.Operations.Select(static operation => (operation.Id, operation.IsCreate, operation.Weight)),
            Is.EquivalentTo(new[] { (other.Start.Id, true, 1), (run.Start.Id, false, 0), (sent.Start.Id, false, 0) }));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rest.Operations.Select(static operation => operation.Run.Error).Distinct(), Is.EqualTo(["The run ended, but its end was dropped: the exporter's queue was full."]));
            Assert.That(rest.Operations.Where(static operation => operation.Run.EndTime is null || operation.Run.Outputs is not null), Is.Empty);
        }

        queue.Complete(rest, []);
        AssertEmpty(queue);
    }

    [Test]
    public void Close_EndsWhatIsOpenOnce_WhereverItsStartIs()
    {
        var queue = new RunQueue(100, long.MaxValue, _time);
        Run[] runs = [NewRun(), NewRun(), NewRun(), NewRun()];
        var (sent, sending, lost, waiting) = (runs[0], runs[1], runs[2], runs[3]);
        queue.TryStart(sent.Start);
        queue.Complete(queue.Take(1, long.MaxValue)!, []);
        queue.TryStart(sending.Start);
        queue.TryStart(lost.Start);
        var batch = queue.Take(2, long.MaxValue)!;
        queue.TryStart(waiting.Start);
        queue.Close("closed");
        foreach (var run in runs)
            Assert.That((queue.TryStart(NewRun().Start), queue.TryEnd(run.End())), Is.EqualTo(((DropReason?)DropReason.Shutdown, (DropReason?)DropReason.Shutdown)));
        queue.Complete(batch, [lost.Start]);
        var rest = queue.Take(10, long.MaxValue)!;
        Assert.That(
            rest.Operations.Select(static operation => (operation.Id, operation.IsCreate, operation.Run.Inputs is not null, operation.Run.Error, operation.Run.EndTime is not null)),
            Is.EquivalentTo([(sent.Start.Id, false, false, "closed", true), (sending.Start.Id, false, false, "closed", true), (lost.Start.Id, true, true, "closed", true), (waiting.Start.Id, true, true, "closed", true)]));
        queue.Complete(rest, []);
        AssertEmpty(queue);
    }

    [Test]
    public void RunsThatNeverEnd_AreRememberedUpToABound_AndWithoutPayload()
    {
        var queue = new RunQueue(100_000, long.MaxValue, _time, maxOpen: 10);
        var runs = Enumerable.Range(0, 25).Select(static _ => NewRun()).ToList();
        foreach (var run in runs)
        {
            queue.TryStart(run.Start);
            queue.Complete(queue.Take(1, long.MaxValue)!, []);
        }

        Assert.That(queue.OpenCount, Is.EqualTo(10));
        queue.TryEnd(runs[0].End());
        queue.TryEnd(runs[24].End());
        Assert.That(queue.Take(10, long.MaxValue)!.Operations.Select(static operation => operation.IsCreate), Is.EqualTo([true, false]));
    }

    [Test]
    public void Batch_IsBoundedByBytes_ButNeverEmpty()
    {
        var queue = new RunQueue(100, long.MaxValue, _time);
        var run = NewRun(inputs: 5000);
        queue.TryStart(run.Start);
        queue.TryStart(NewRun().Start);
        Assert.That(queue.Take(10, 100)!.Operations, Is.EqualTo([run.Start]));
        Assert.That(queue.Take(10, 1_000_000)!.Operations, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Full_IsSaidOnce_WhenSoMuchWaits()
    {
        var queue = new RunQueue(100, long.MaxValue, _time);
        queue.TryStart(NewRun().Start);
        var byCount = queue.WhenFull(2, long.MaxValue);
        Assert.That(byCount.IsCompleted, Is.False);
        var big = NewRun(inputs: 10_000);
        queue.TryStart(big.Start);
        await byCount;
        Assert.That(queue.WhenFull(2, long.MaxValue).IsCompleted, Is.True);
        Assert.That(queue.WhenFull(100, big.Start.Size).IsCompleted, Is.True);
        Assert.That(queue.WhenFull(100, 1_000_000).IsCompleted, Is.False);
    }

    /// <summary>Starts, ends, batches taken, sent and lost in any order, against what each run must have come to.</summary>
    [Test]
    public void AnyOrder_KeepsTheBooks() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(Gen.Choose(0, 1000).ListOf(120).ToArbitrary(), steps =>
        {
            var queue = new RunQueue(12, 40_000, _time);
            var runs = new List<(Run Run, bool IsEnded)>();
            var onTheirWay = new List<RunBatch>();
            var server = new Dictionary<Guid, (bool Created, bool HasInputs, bool Ended)>();
            var (told, refused, lost, posted, recovered) = (0, 0, 0, 0, 0);
            var lostEnds = new HashSet<Guid>();
            foreach (var step in steps)
            {
                switch (step % 5)
                {
                    case 0 or 1 when step % 2 == 0 || runs.All(static run => run.IsEnded):
                        runs.Add((NewRun(inputs: step, outputs: step), false));
                        told++;
                        refused += queue.TryStart(runs[^1].Run.Start) is null ? 0 : 1;
                        break;
                    case 0 or 1 or 2:
                        var index = runs.FindIndex(step % Math.Max(1, runs.Count), static run => !run.IsEnded);
                        if (index < 0)
                            break;
                        runs[index] = (runs[index].Run, true);
                        told++;
                        refused += queue.TryEnd(runs[index].Run.End()) is null ? 0 : 1;
                        break;
                    case 3:
                        if (queue.Take(1 + (step % 7), 20_000) is { } batch)
                            onTheirWay.Add(batch);
                        break;
                    default:
                        if (onTheirWay.Count > 0)
                            Arrive(onTheirWay[step % onTheirWay.Count], step);
                        break;
                }

                Assert.That(queue.Count, Is.LessThanOrEqualTo(12));
                Assert.That(queue.Bytes, Is.LessThanOrEqualTo(40_000));
                Assert.That(queue.Waiting.Bytes, Is.LessThanOrEqualTo(queue.Bytes));
            }

            if (steps.Count % 2 == 0)
                queue.Close("closed");
            foreach (var (run, isEnded) in runs)
            {
                if (isEnded || steps.Count % 3 == 0)
                    continue;
                told++;
                refused += queue.TryEnd(run.End()) is null ? 0 : 1;
            }

            while (onTheirWay.Count > 0 || queue.Count > 0)
            {
                if (queue.Take(100, long.MaxValue) is { } batch)
                    onTheirWay.Add(batch);
                Arrive(onTheirWay[0], 0);
            }

            Assert.That((queue.Count, queue.Bytes, queue.Waiting.Bytes), Is.EqualTo((0, 0L, 0L)));
            Assert.That(posted + lost + refused - recovered, Is.EqualTo(told));
            Assert.That(server.Values.Where(static run => !run.Created || !run.HasInputs), Is.Empty, "no update without its post, and every post has the inputs");
            Assert.That(
                runs.Where(run => run.IsEnded && server.TryGetValue(run.Run.Start.Id, out var known) && !known.Ended && !lostEnds.Contains(run.Run.Start.Id)),
                Is.Empty,
                "what has ended does not look as if it went on, unless that was lost on its way");

            void Arrive(RunBatch batch, int step)
            {
                onTheirWay.Remove(batch);
                var gone = step % 3 == 1 ? batch.Operations : step % 3 == 2 ? batch.Operations.Where((_, i) => i % 2 == 0).ToList() : [];
                foreach (var operation in batch.Operations.Except(gone))
                {
                    posted += operation.Weight + (operation.MakesUpForStart ? 1 : 0);
                    recovered += operation.MakesUpForStart ? 1 : 0;
                    var known = server.GetValueOrDefault(operation.Id);
                    Assert.That(operation.IsCreate, Is.Not.EqualTo(known.Created), "a post once, and first; then an update");
                    Assert.That(operation.Run.Inputs is not null, Is.EqualTo(operation.IsCreate), "inputs once");
                    Assert.That(known.Ended, Is.False, "nothing behind the end");
                    server[operation.Id] = (true, known.HasInputs || operation.Run.Inputs is not null, operation.Run.EndTime is not null);
                }

                lost += gone.Sum(static operation => operation.Weight);
                lostEnds.UnionWith(gone.Where(static operation => !operation.IsCreate).Select(static operation => operation.Id));
                queue.Complete(batch, gone);
            }
        }));

    private static void AssertEmpty(RunQueue queue) =>
        Assert.That((queue.Count, queue.Bytes, queue.OpenCount, queue.Take(1, 1)), Is.EqualTo((0, 0L, 0, (RunBatch?)null)));

    private static Run NewRun(int inputs = 10, int outputs = 10)
    {
        RunOperation start = null!;
        RunOperation? end = null;
        var tracer = new LangSmithTracer(
            new Tests.Runs.DelegateRecorder { Start = run => start = new RunOperation(run, isCreate: true, Settings), End = run => end = new RunOperation(run, isCreate: false, Settings) },
            new LangSmithOptions { Tracing = true, Project = "p" });
        var scope = tracer.StartRun("run", new { q = new string('q', inputs) }, new RunOptions { Parent = RunParent.None });
        return new Run(start, () =>
        {
            scope.Run.End(new { a = new string('a', outputs) });
            scope.Dispose();
            return end!;
        });
    }

    private sealed record Run(RunOperation Start, Func<RunOperation> End);
}
