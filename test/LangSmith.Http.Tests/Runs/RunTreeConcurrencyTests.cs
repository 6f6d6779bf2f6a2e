using System.Collections.Concurrent;

namespace LangSmith.Http.Tests.Runs;

public class RunTreeConcurrencyTests
{
    [Test]
    public void Edits_InParallel_LoseNothing()
    {
        var tracer = Recording.Tracer(new InMemoryRunRecorder());
        using var scope = tracer.StartRun("run");
        var run = scope.Run;

        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            run.AddMetadata("k" + i, i);
            _ = run.ToHeaders();
            run.AddTags("t" + i);
            run.AddEvent("e" + i);
            _ = run.Metadata.Count + run.Tags.Count + run.Events.Count;
        });

        Assert.Multiple(() =>
        {
            Assert.That(run.Metadata, Has.Count.EqualTo(400));
            Assert.That(run.Tags, Has.Count.EqualTo(400));
            Assert.That(run.Events, Has.Count.EqualTo(400));
            Assert.That(run.Context.Metadata, Has.Count.EqualTo(400), "the last headers know all");
        });
    }

    [Test]
    public void EditsAndEnds_InParallel_EndOnceWithoutAnException()
    {
        var endedRuns = new ConcurrentDictionary<Guid, int>();
        var recorder = new DelegateRecorder { End = run => endedRuns.AddOrUpdate(run.Id, 1, static (_, count) => count + 1) };
        var tracer = Recording.Tracer(recorder);
        const int Runs = 500;

        for (var i = 0; i < Runs; i++)
        {
            using var scope = tracer.StartRun("run");
            var run = scope.Run;
            Parallel.Invoke(
                () => run.AddMetadata("k", 1),
                () => run.AddTags("t"),
                () => run.AddEvent("e", 1),
                () => run.SetInputs(1),
                () => run.SetOutputs(1),
                () => run.End(1),
                () => run.Fail("error"),
                () => _ = run.ToHeaders(),
                scope.Dispose);
        }

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Ended, Is.EqualTo(Runs));
            Assert.That(endedRuns.Values, Is.All.EqualTo(1));
            Assert.That(endedRuns, Has.Count.EqualTo(Runs));
        });
    }

    [Test]
    public void StartRun_InParallel_EveryRunHasItsOwnIdAndStart()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);
        using var parent = tracer.StartRun("parent");

        Parallel.For(0, 5_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => tracer.StartRun("child").Dispose());

        var children = recorder.Runs.Skip(1).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(children, Has.Count.EqualTo(5_000));
            Assert.That(children.Select(child => child.Id), Is.Unique);
            Assert.That(children.Select(child => child.StartTime), Is.Unique);
            Assert.That(children.Select(child => child.ParentRunId), Is.All.EqualTo(parent.Run.Id));
        });
    }
}
