using System.Net.Http.Headers;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Runs that nobody records, and what happens to those who hold on to them.</summary>
public sealed class StandInRunTests
{
    [Test]
    public void Parent_SampledOutRunAfterItsScope_ChildIsNotRecordedAndNobodyIsAskedAgain()
    {
        var recorder = new DelegateRecorder { Decide = _ => false };
        var tracer = Recording.Tracer(recorder);
        RunTree root;
        using (var scope = tracer.StartRun("root"))
            root = scope.Run;

        using var child = tracer.StartRun("child", options: new RunOptions { Parent = root });

        Assert.That((child.Run.IsRecorded, recorder.Asked), Is.EqualTo((false, 1)));
        Assert.That(child.Run.ToHeaders(), Is.EqualTo(new Dictionary<string, string> { ["baggage"] = "langsmith-sampled=0" }));
    }

    [Test]
    public void Context_OfARunThatPassedThrough_MakesNoBrokenTrace()
    {
        var passing = new LangSmithTracer(recorder: null);
        RunContext nothing;
        using (var scope = passing.StartRun("passed through"))
            nothing = scope.Run.Context;
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);

        using (TracingContext.UseParent(nothing))
            tracer.StartRun("below").Dispose();
        tracer.StartRun("explicit", options: new RunOptions { Parent = nothing }).Dispose();

        Assert.That(recorder.Runs.Select(run => run.ParentRunId), Is.EqualTo(new Guid?[] { null, null }));
        Assert.That(recorder.Runs.Select(run => RunContext.FromDottedOrder(run.DottedOrder)), Has.All.Not.Null);
    }

    [Test]
    public void UseRun_InAnotherFlow_IsTheRunWithoutItsTags()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);
        using var scope = tracer.StartRun("root", options: new RunOptions { Tags = ["t"] });
        using (TracingContext.Suppress())
        using (TracingContext.UseRun(scope.Run))
        {
            Assert.That(RunTree.Current, Is.SameAs(scope.Run));
            tracer.StartRun("child").Dispose();
        }

        var child = recorder.Runs[1];
        Assert.That((child.ParentRunId, child.Tags.Count), Is.EqualTo(((Guid?)scope.Run.Id, 0)));
        using (TracingContext.UseRun(null))
            Assert.That(RunTree.Current, Is.SameAs(scope.Run), "nothing changes");
    }

    [Test]
    public void StartRun_ClockCatchesUpWithAParentAhead_SiblingsStayInOrder()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2023, 11, 14, 22, 13, 20, TimeSpan.Zero));
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, time);
        using (TracingContext.UseParent(Recording.Remote()))
        {
            for (var i = 0; i < 8; i++)
            {
                // Its segment is 1.123456 s ahead.
                if (i == 5)
                    time.Advance(TimeSpan.FromMicroseconds(1_123_457));
                tracer.StartRun($"{i}").Dispose();
            }
        }

        Assert.That(recorder.Runs.Select(run => run.DottedOrder), Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal));
        Assert.That(recorder.Runs.Select(run => run.StartTime), Is.Unique);
    }

    [Test]
    public void With_AroundAndInsideARun_TheNearestMetadataWins()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);
        using (TracingContext.With(metadata: [new("a", 1)]))
        using (var scope = tracer.StartRun("run"))
        {
            scope.Run.AddMetadata("a", 2);
            tracer.StartRun("below the run").Dispose();
            using (TracingContext.With(metadata: [new("a", 3)]))
                tracer.StartRun("inside a scope in the run").Dispose();
            tracer.StartRun("a new root", options: new RunOptions { Parent = RunParent.None }).Dispose();
        }

        Assert.That(recorder.Runs.Select(run => run.Metadata["a"].GetInt32()), Is.EqualTo(new[] { 2, 2, 3, 1 }));
    }

    [Test]
    public void With_MetadataWithoutAKey_IsIgnored()
    {
        var recorder = new InMemoryRunRecorder();
        using (TracingContext.With(metadata: [new(null!, 1), new("k", 2)]))
            Recording.Tracer(recorder).StartRun("run").Dispose();
        Assert.That(recorder.Runs.Single().Metadata.Keys, Is.EqualTo(new[] { "k" }));
    }

    [Test]
    public void Outputs_HttpMessages_AreNotLookedInto()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);
        using var response = new HttpResponseMessage { RequestMessage = new HttpRequestMessage() };
        response.RequestMessage.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "SECRET");

        tracer.Run("direct", _ => response);
        tracer.Run("inside", _ => new { response });

        Assert.That(recorder.Runs.Select(run => run.Outputs.ToString()), Has.All.Not.Contains("SECRET"));
        Assert.That(recorder.Runs[0].Outputs!.Value.GetProperty("output").GetString(), Is.EqualTo("HttpResponseMessage"));
    }
}
