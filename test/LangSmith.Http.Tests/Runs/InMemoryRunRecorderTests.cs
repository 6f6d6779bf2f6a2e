using System.Runtime.CompilerServices;

namespace LangSmith.Http.Tests.Runs;

public class InMemoryRunRecorderTests
{
    [Test]
    public void Runs_PendingAndEnded_AreInTheOrderOfTheirStart()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);
        using var outer = tracer.StartRun("outer", "in");
        using var inner = tracer.StartRun("inner");
        inner.Run.End("out");

        var runs = recorder.Runs;
        Assert.Multiple(() =>
        {
            Assert.That(runs.Select(run => run.Name), Is.EqualTo(new[] { "outer", "inner" }));
            Assert.That(runs[0].EndTime, Is.Null);
            Assert.That(runs[0].Inputs.Text(), Is.EqualTo("""{"input":"in"}"""), "known at the start");
            Assert.That(runs[1].EndTime, Is.Not.Null);
            Assert.That(runs[1].Outputs.Text(), Is.EqualTo("""{"output":"out"}"""));
            Assert.That((runs[1].Id, runs[1].TraceId, runs[1].ParentRunId), Is.EqualTo((inner.Run.Id, outer.Run.Id, (Guid?)outer.Run.Id)));
            Assert.That(runs[1].DottedOrder, Is.EqualTo(inner.Run.DottedOrder));
        });
        outer.Run.Fail("broken");

        Assert.Multiple(() =>
        {
            Assert.That(runs[0].Error, Is.Null, "what was read before does not change");
            Assert.That(recorder.Runs[0].Error, Is.EqualTo("broken"));
        });
    }

    [Test]
    public void Capacity_Reached_TheOldestGoAndTheirEndIsIgnored()
    {
        var recorder = new InMemoryRunRecorder(2);
        var tracer = Recording.Tracer(recorder);
        using var first = tracer.StartRun("first");
        tracer.StartRun("second").Dispose();
        tracer.StartRun("third").Dispose();

        first.Run.End("late");

        Assert.That(recorder.Runs.Select(run => run.Name), Is.EqualTo(new[] { "second", "third" }));
    }

    [Test]
    public void Capacity_Reached_TheOldestAreNotKeptAlive()
    {
        var recorder = new InMemoryRunRecorder(1);
        var tracer = Recording.Tracer(recorder);
        var first = First();
        tracer.StartRun("second").Dispose();

        GC.Collect();

        Assert.That(first.IsAlive, Is.False);
        GC.KeepAlive(recorder);

        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference First()
        {
            tracer.StartRun("first").Dispose();
            return new WeakReference(recorder.Runs[0]);
        }
    }

    [Test]
    public void Capacity_ByDefault_IsTenThousand()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);

        for (var i = 0; i < 10_001; i++)
            tracer.StartRun("run " + i).Dispose();

        Assert.That((recorder.Runs.Count, recorder.Runs[0].Name), Is.EqualTo((10_000, "run 1")));
    }

    [TestCase(0)]
    [TestCase(-1)]
    public void Capacity_LessThanOne_Throws(int capacity) =>
        Assert.That(() => new InMemoryRunRecorder(capacity), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void Clear_ForgetsAllAlsoOpenRuns()
    {
        var recorder = new InMemoryRunRecorder();
        using var scope = Recording.Tracer(recorder).StartRun("run");

        recorder.Clear();
        scope.Run.End();

        Assert.That(recorder.Runs, Is.Empty);
    }

    [Test]
    public void Runs_StartedAndEndedInParallel_AreAllThere()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);

        Parallel.For(0, 2_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            tracer.Run("run", _ => i);
            if (i % 100 == 0)
                _ = recorder.Runs.Count;
        });

        Assert.That(recorder.Runs.Select(run => run.Outputs!.Value.GetProperty("output").GetInt32()).Order(), Is.EqualTo(Enumerable.Range(0, 2_000)));
    }
}
