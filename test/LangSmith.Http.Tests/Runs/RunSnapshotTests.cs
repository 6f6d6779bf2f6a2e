using System.Text.Json;

namespace LangSmith.Http.Tests.Runs;

/// <summary>What a recorder receives and may keep.</summary>
public sealed class RunSnapshotTests
{
    private static readonly Guid Id = Guid.Parse("018bcfe5-687b-7000-8000-000000000001");

    [Test]
    public void Snapshot_ConstructedByATest_IsWhatItWasGiven()
    {
        var start = new DateTimeOffset(2026, 11, 26, 12, 0, 0, TimeSpan.FromHours(1));
        var run = new RunSnapshot
        {
            Id = Id,
            TraceId = Id,
            ParentRunId = Guid.Empty,
            DottedOrder = "order",
            Name = "ask",
            Project = "shop",
            StartTime = start,
            EndTime = start.AddSeconds(1),
            Inputs = JsonDocument.Parse("""{"q":1}""").RootElement,
            Events = [new RunEvent { Name = "new_token", Time = start }],
        };

        using (Assert.EnterMultipleScope())
        {
            Assert.That((run.Id, run.TraceId, run.ParentRunId), Is.EqualTo((Id, Id, (Guid?)Guid.Empty)));
            Assert.That((run.DottedOrder, run.Name, run.RunType, run.Project, run.Address), Is.EqualTo(("order", "ask", "chain", "shop", (string?)null)));
            Assert.That((run.StartTime, run.StartTime.Offset, run.EndTime), Is.EqualTo((start, TimeSpan.Zero, (DateTimeOffset?)start.AddSeconds(1))));
            Assert.That((run.Inputs.Text(), run.Outputs, run.Error, run.Tags.Count, run.Metadata.Count), Is.EqualTo(("""{"q":1}""", (JsonElement?)null, (string?)null, 0, 0)));
            Assert.That(run.ToString(), Is.EqualTo("ask order"), "no payload");
            Assert.That(run with { Name = "other" }, Is.Not.EqualTo(run));
            Assert.That((run with { Project = "other" }).TraceId, Is.EqualTo(Id));
            Assert.That(run.Project, Is.EqualTo("shop"), "the copy has an identity of its own");
        }
    }

    [Test]
    public void OnStart_RunEditedAfterwards_TheSnapshotStays()
    {
        RunSnapshot? started = null;
        var tracer = Recording.Tracer(new DelegateRecorder { Start = run => started ??= run });
        using var scope = tracer.StartRun("run", "in", new RunOptions { Tags = ["a"], Metadata = [new("m", 1)] });

        scope.Run.SetInputs("other");
        scope.Run.AddTags("b");
        scope.Run.AddMetadata("m", 2);
        scope.Run.AddMetadata("n", 3);
        scope.Run.AddEvent("event");

        Assert.That(
            $"{started!.Inputs.Text()} {string.Join(',', started.Tags)} {string.Join(',', started.Metadata)} {started.Events.Count} {started.HasNewInputs}",
            Is.EqualTo("""{"input":"in"} a [m, 1] 0 False"""));
    }

    [Test]
    public void Metadata_OfARunWithout_CannotBeChangedForAllRuns()
    {
        RunSnapshot? started = null;
        var tracer = Recording.Tracer(new DelegateRecorder { Start = run => started ??= run });
        tracer.StartRun("run").Dispose();

        Assert.That(() => ((IDictionary<string, JsonElement>)started!.Metadata)["poison"] = default, Throws.InstanceOf<NotSupportedException>());
        Assert.That(tracer.StartRun("next").Run.Metadata, Is.Empty);
    }

    [Test]
    [NonParallelizable]
    public void StartTime_OfARunThatIsNotRecordedEastOfUtc_DoesNotThrow()
    {
        var zone = Environment.GetEnvironmentVariable("TZ");
        try
        {
            Environment.SetEnvironmentVariable("TZ", "Europe/Berlin");
            TimeZoneInfo.ClearCachedData();

            using var scope = new LangSmithTracer(null).StartRun("run");

            Assert.That(scope.Run.StartTime, Is.EqualTo(default(DateTimeOffset)));
        }
        finally
        {
            Environment.SetEnvironmentVariable("TZ", zone);
            TimeZoneInfo.ClearCachedData();
        }
    }
}
