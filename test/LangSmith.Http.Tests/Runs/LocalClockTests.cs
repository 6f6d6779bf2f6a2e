using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Runs;

/// <summary>The system's clock is set while runs are open: durations and the order of the tree stay.</summary>
public class LocalClockTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 8, 0, 0, TimeSpan.Zero);

    [TestCase(-1)]
    [TestCase(1)]
    public void Clock_IsSetByAnHourInsideATree_NothingOfTheTreeMoves(int hours)
    {
        var time = new SteppedTime(Start);
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, time);

        using (var root = tracer.StartRun("root"))
        {
            time.Advance(TimeSpan.FromSeconds(1));
            using (var child = tracer.StartRun("child"))
            {
                time.Step = TimeSpan.FromHours(hours);
                time.Advance(TimeSpan.FromSeconds(2));
                child.Run.AddEvent("after the step");
                using (TracingContext.UseRun(child.Run))
                    tracer.StartRun("grandchild").Dispose();
                tracer.StartRun("given", options: new RunOptions { Parent = child.Run }).Dispose();
            }
        }

        tracer.StartRun("next root", options: new RunOptions { Parent = RunParent.None }).Dispose();
        var at = Start.AddSeconds(3);
        Assert.Multiple(() =>
        {
            Assert.That((recorder.Single("root").StartTime, recorder.Single("root").EndTime), Is.EqualTo((Start, (DateTimeOffset?)at)));
            Assert.That((recorder.Single("child").StartTime, recorder.Single("child").EndTime), Is.EqualTo((Start.AddSeconds(1), (DateTimeOffset?)at)));
            Assert.That(recorder.Single("child").Events.Single().Time, Is.EqualTo(at));
            Assert.That(recorder.Single("grandchild").StartTime, Is.EqualTo(at));
            Assert.That(recorder.Single("given").StartTime, Is.EqualTo(at.AddMicroseconds(1)), "siblings sort in the order they were started");
            Assert.That(recorder.Runs.Select(run => run.EndTime < run.StartTime), Has.None.True);
            Assert.That(recorder.Single("next root").StartTime, Is.EqualTo(at.AddHours(hours)).Within(TimeSpan.FromMilliseconds(1)), "a new anchor");
        });
    }

    [Test]
    public void Clock_BehindTheCallers_DurationsAreWhatTheyWere()
    {
        var time = new SteppedTime(Start);
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, time);
        var ahead = RunContext.FromDottedOrder("20261122T080005000000Z" + Recording.RemoteTraceId, time)!;

        using (tracer.StartRun("run", options: new RunOptions { Parent = ahead }))
            time.Advance(TimeSpan.FromSeconds(2));

        var run = recorder.Single("run");
        Assert.That(run.StartTime, Is.GreaterThanOrEqualTo(Start.AddSeconds(5)), "never before the caller's");
        Assert.That(run.EndTime - run.StartTime, Is.EqualTo(TimeSpan.FromSeconds(2)));
    }

    // The wall clock can be set; the other one only goes on.
    private sealed class SteppedTime(DateTimeOffset start) : FakeTimeProvider(start)
    {
        internal TimeSpan Step { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;

        public override long GetTimestamp() => base.GetTimestamp() - Step.Ticks;
    }
}
