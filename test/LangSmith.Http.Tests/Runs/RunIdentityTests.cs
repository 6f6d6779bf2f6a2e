using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Runs;

public class RunIdentityTests
{
    [Test]
    public void Id_OfManyRuns_IsUniqueVersion7WhoseTimeIsTheStart()
    {
        const int Count = 100_000;
        var started = new List<(Guid Id, DateTimeOffset Start)>(Count);
        var tracer = Recording.Tracer(new DelegateRecorder { Start = run => started.Add((run.Id, run.StartTime)) });

        for (var i = 0; i < Count; i++)
            tracer.StartRun("run").Dispose();

        Span<byte> bytes = stackalloc byte[16];
        var (wrongVersion, wrongVariant, wrongTime) = (0, 0, 0);
        foreach (var (id, start) in started)
        {
            id.TryWriteBytes(bytes, bigEndian: true, out _);
            wrongVersion += bytes[6] >> 4 == 7 ? 0 : 1;
            wrongVariant += bytes[8] >> 6 == 0b10 ? 0 : 1;
            var milliseconds = 0L;
            foreach (var part in bytes[..6])
                milliseconds = (milliseconds << 8) | part;
            wrongTime += milliseconds == start.ToUnixTimeMilliseconds() ? 0 : 1;
        }

        Assert.Multiple(() =>
        {
            Assert.That(started, Has.Count.EqualTo(Count));
            Assert.That(wrongVersion, Is.Zero, "version");
            Assert.That(wrongVariant, Is.Zero, "variant");
            Assert.That(wrongTime, Is.Zero, "time");
            Assert.That(started.Select(run => run.Id).Distinct().Count(), Is.EqualTo(Count), "unique ids");
            Assert.That(started.Select(run => run.Start).Distinct().Count(), Is.EqualTo(Count), "unique start times");
        });
    }

    [Test]
    public void StartRun_Siblings_SortInTheOrderTheyWereStarted()
    {
        const int Count = 20_000;
        var orders = new List<string>(Count);
        var tracer = Recording.Tracer(new DelegateRecorder { Start = run => orders.Add(run.DottedOrder) });
        using var parent = tracer.StartRun("parent");
        orders.Clear();

        for (var i = 0; i < Count; i++)
            tracer.StartRun("child").Dispose();

        Assert.That(orders.Zip(orders.Skip(1)).Count(pair => string.CompareOrdinal(pair.First, pair.Second) >= 0), Is.Zero);
    }

    [Test]
    public void StartRun_ClockStandsStill_TiesAreBrokenByOneMicrosecond()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, new FakeTimeProvider());
        using var parent = tracer.StartRun("parent");

        for (var i = 0; i < 1_000; i++)
            tracer.StartRun("child").Dispose();

        var children = recorder.Runs.Skip(1).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(
                children.Select(child => (child.StartTime - parent.Run.StartTime).Ticks),
                Is.EqualTo(Enumerable.Range(1, 1_000).Select(i => i * TimeSpan.TicksPerMicrosecond)));
            Assert.That(children.Select(child => child.DottedOrder), Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal));
        });
    }

    [Test]
    public void StartRun_Nested_IdentityIsThePathFromTheRoot()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 22, 8, 16, 44, TimeSpan.Zero).AddTicks(5_000_017));
        var tracer = Recording.Tracer(new InMemoryRunRecorder(), time);

        using var root = tracer.StartRun("root");
        time.Advance(TimeSpan.FromMilliseconds(1));
        using var child = tracer.StartRun("child");
        using var grandchild = tracer.StartRun("grandchild");

        Assert.Multiple(() =>
        {
            Assert.That(root.Run.DottedOrder, Is.EqualTo("20261122T081644500001Z" + root.Run.Id));
            Assert.That(root.Run.TraceId, Is.EqualTo(root.Run.Id));
            Assert.That(root.Run.ParentRunId, Is.Null);
            Assert.That(child.Run.DottedOrder, Is.EqualTo(root.Run.DottedOrder + ".20261122T081644501001Z" + child.Run.Id));
            Assert.That(child.Run.TraceId, Is.EqualTo(root.Run.Id));
            Assert.That(child.Run.ParentRunId, Is.EqualTo(root.Run.Id));
            Assert.That(grandchild.Run.DottedOrder, Does.StartWith(child.Run.DottedOrder + "."));
            Assert.That(grandchild.Run.ParentRunId, Is.EqualTo(child.Run.Id));
            Assert.That(grandchild.Run.TraceId, Is.EqualTo(root.Run.Id));
            Assert.That(grandchild.Run.ToString(), Is.EqualTo(grandchild.Run.DottedOrder));
        });
    }

    [Test]
    public void StartRun_RemoteParent_ContinuesItsPath()
    {
        var tracer = Recording.Tracer(new InMemoryRunRecorder());
        using var parent = TracingContext.UseParent(Recording.Remote());

        using var scope = tracer.StartRun("child");

        Assert.Multiple(() =>
        {
            Assert.That(scope.Run.TraceId, Is.EqualTo(Guid.Parse(Recording.RemoteTraceId)));
            Assert.That(scope.Run.ParentRunId, Is.EqualTo(Guid.Parse(Recording.RemoteRunId)));
            Assert.That(scope.Run.DottedOrder, Does.StartWith(Recording.RemoteDottedOrder + "."));
            Assert.That(scope.Run.Context.RunId, Is.EqualTo(scope.Run.Id));
            Assert.That(scope.Run.Context.ParentRunId, Is.EqualTo(scope.Run.ParentRunId));
        });
    }

    // Six digits, as Python and JavaScript write; fewer, as other clients do: "…123Z" sorts behind every "…123456Z".
    [TestCase("20000101T000005123456Z", 5_123_456)]
    [TestCase("20000101T000005123Z", 5_124_000)]
    [TestCase("20000101T0000051Z", 5_200_000)]
    public void StartRun_ParentAheadOfTheClock_StartsNoEarlierThanItsSegment(string segment, long microseconds)
    {
        var time = new FakeTimeProvider();
        var now = time.GetUtcNow();
        var parent = RunContext.FromDottedOrder(segment + Recording.RemoteRunId, time)!;
        var tracer = Recording.Tracer(new InMemoryRunRecorder(), time);

        using var scope = tracer.StartRun("child", options: new RunOptions { Parent = parent });

        var own = scope.Run.DottedOrder[(parent.DottedOrder.Length + 1)..];
        Assert.Multiple(() =>
        {
            Assert.That(scope.Run.StartTime, Is.EqualTo(now.AddMicroseconds(microseconds)));
            Assert.That(string.CompareOrdinal(own[..22], segment), Is.GreaterThanOrEqualTo(0));
        });
        scope.Run.End();
        Assert.That(scope.Run.EndTime, Is.EqualTo(scope.Run.StartTime), "never before its start");
    }

    [Test]
    public void StartRun_ParentAheadOfTheClock_SiblingsSortThoughOtherRunsStartBetween()
    {
        var time = new FakeTimeProvider();
        var parent = RunContext.FromDottedOrder("20000101T000005000000Z" + Recording.RemoteRunId, time)!;
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, time);

        for (var i = 0; i < 20; i++)
        {
            tracer.StartRun("child", options: new RunOptions { Parent = parent }).Dispose();
            tracer.StartRun("another request").Dispose();
        }

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Runs.Where(run => run.Name == "child").Select(run => run.StartTime), Is.Ordered.And.Unique);
            Assert.That(recorder.Runs.Where(run => run.Name != "child").Select(run => run.StartTime), Is.Ordered.And.Unique);
            Assert.That(recorder.Runs.Where(run => run.Name != "child").Max(run => run.StartTime), Is.LessThan(time.GetUtcNow().AddSeconds(1)));
        });
    }

    [Test]
    public void StartRun_ClockSetBack_ChildIsNotBeforeItsParentAndNewTracesBelieveTheClock()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
        var tracer = Recording.Tracer(new InMemoryRunRecorder(), time);
        using var parent = tracer.StartRun("parent");

        time.AdjustTime(time.GetUtcNow().AddMinutes(-10));
        using var child = tracer.StartRun("child");
        using var other = tracer.StartRun("other", options: new RunOptions { Parent = RunParent.None });
        parent.Run.End();

        Assert.Multiple(() =>
        {
            Assert.That(child.Run.StartTime, Is.GreaterThanOrEqualTo(parent.Run.StartTime));
            Assert.That(child.Run.DottedOrder[59..81], Is.GreaterThanOrEqualTo(parent.Run.DottedOrder[..22]).Using((IComparer<string>)StringComparer.Ordinal));
            Assert.That(other.Run.StartTime, Is.EqualTo(time.GetUtcNow()));
            Assert.That(parent.Run.EndTime, Is.EqualTo(parent.Run.StartTime));
        });
    }

    [Test]
    public void StartRun_ClockOfAnotherOffset_WritesUtc()
    {
        var tracer = Recording.Tracer(new InMemoryRunRecorder(), new OffsetTimeProvider());

        using var scope = tracer.StartRun("run");
        scope.Run.AddEvent("tick");
        var tick = scope.Run.Events[0].Time;
        scope.Run.End();

        Assert.Multiple(() =>
        {
            Assert.That(scope.Run.DottedOrder, Does.StartWith("20231114T221320123456Z"));
            Assert.That(scope.Run.StartTime.Offset, Is.EqualTo(TimeSpan.Zero));
            Assert.That(scope.Run.StartTime, Is.EqualTo(new DateTimeOffset(2023, 11, 14, 22, 13, 20, TimeSpan.Zero).AddMicroseconds(123_456)));
            Assert.That(scope.Run.EndTime!.Value.Offset, Is.EqualTo(TimeSpan.Zero));
            Assert.That(tick.Offset, Is.EqualTo(TimeSpan.Zero));
        });
    }

    private sealed class OffsetTimeProvider : TimeProvider
    {
        // Seven ticks below a microsecond: the dotted order has no room for them.
        public override DateTimeOffset GetUtcNow() =>
            new DateTimeOffset(2023, 11, 15, 0, 13, 20, TimeSpan.FromHours(2)).AddTicks(1_234_567);
    }
}
