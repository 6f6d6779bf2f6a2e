using System.Text.Json;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Runs;

public class RunTreeTests
{
    private InMemoryRunRecorder _recorder = null!;
    private FakeTimeProvider _time = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _time = new FakeTimeProvider();
        _tracer = Recording.Tracer(_recorder, _time);
    }

    [Test]
    public void StartRun_WithOptions_HasNameTypeProjectTagsMetadataAndInputs()
    {
        using var scope = _tracer.StartRun("ask", new { question = "why?" }, new RunOptions
        {
            RunType = RunTypes.Llm,
            Tags = ["a", "", "b", "a"],
            Metadata = new Dictionary<string, object?> { ["user"] = "u-1", ["n"] = 2, ["none"] = null },
        });

        var recorded = _recorder.Single("ask");
        Assert.Multiple(() =>
        {
            Assert.That(recorded.RunType, Is.EqualTo("llm"));
            Assert.That(recorded.Project, Is.EqualTo("own"));
            Assert.That(recorded.Address, Is.Null);
            Assert.That(recorded.Tags, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(recorded.Metadata["user"].GetString(), Is.EqualTo("u-1"));
            Assert.That(recorded.Metadata["n"].GetInt32(), Is.EqualTo(2));
            Assert.That(recorded.Metadata["none"].ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(recorded.Inputs.Text(), Is.EqualTo("""{"question":"why?"}"""));
            Assert.That(recorded.Outputs, Is.Null);
            Assert.That(recorded.EndTime, Is.Null);
            Assert.That(scope.Run.IsRecorded, Is.True);
            Assert.That(scope.Run.IsEnded, Is.False);
        });
    }

    [Test]
    public void End_Twice_FirstWinsAndTheSecondIsCounted()
    {
        using var faults = new FaultCounter();
        using var scope = _tracer.StartRun("run");
        _time.Advance(TimeSpan.FromSeconds(1));
        scope.Run.End(new { first = 1 });
        var ended = scope.Run.EndTime;
        _time.Advance(TimeSpan.FromSeconds(1));

        scope.Run.End(new { second = 2 });
        scope.Run.Fail("late");

        var recorded = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(recorded.Outputs.Text(), Is.EqualTo("""{"first":1}"""));
            Assert.That(recorded.Error, Is.Null);
            Assert.That(recorded.EndTime, Is.EqualTo(recorded.StartTime.AddSeconds(1)));
            Assert.That(scope.Run.EndTime, Is.EqualTo(ended));
            Assert.That(faults["edit_after_end"], Is.EqualTo(2));
        });
    }

    [Test]
    public void Fail_ThenEnd_KeepsTheError()
    {
        using var scope = _tracer.StartRun("run");
        scope.Run.SetOutputs(new { partial = true });

        scope.Run.Fail("broken");
        scope.Run.End(new { fine = true });

        var recorded = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(recorded.Error, Is.EqualTo("broken"));
            Assert.That(recorded.Outputs.Text(), Is.EqualTo("""{"partial":true}"""));
        });
    }

    [Test]
    public void Fail_Exception_RecordsTypeMessageStackAndCause()
    {
        using var scope = _tracer.StartRun("run");

        scope.Run.Fail(Thrown());

        Assert.That(
            _recorder.Single("run").Error,
            Does.StartWith("System.InvalidOperationException: outer\n\n")
                .And.Contains(nameof(Thrown))
                .And.Contains("Caused by: System.FormatException: inner"));
    }

    [Test]
    public void Fail_ExceptionThatThrowsWhenRead_RecordsItsType()
    {
        using var scope = _tracer.StartRun("run");

        scope.Run.Fail(new UnreadableException());

        Assert.That(_recorder.Single("run").Error, Is.EqualTo(typeof(UnreadableException).FullName));
    }

    [Test]
    public void EveryEdit_AfterTheEnd_IsIgnoredAndCounted()
    {
        using var faults = new FaultCounter();
        using var scope = _tracer.StartRun("run");
        scope.Run.End();
        var headers = scope.Run.ToHeaders();

        scope.Run.AddMetadata("k", "v");
        scope.Run.AddTags("t");
        scope.Run.AddEvent("e");
        scope.Run.SetInputs(new { a = 1 });
        scope.Run.SetOutputs(new { a = 1 });
        scope.Run.End();
        scope.Run.Fail("error");
        scope.Run.Fail(new InvalidOperationException());

        Assert.Multiple(() =>
        {
            Assert.That(faults["edit_after_end"], Is.EqualTo(8));
            Assert.That(scope.Run.Metadata, Is.Empty);
            Assert.That(scope.Run.Tags, Is.Empty);
            Assert.That(scope.Run.Events, Is.Empty);
            Assert.That(scope.Run.Inputs, Is.Null);
            Assert.That(scope.Run.Outputs, Is.Null);
            Assert.That(scope.Run.ToHeaders(), Is.EqualTo(headers));
        });
    }

    [Test]
    public void Dispose_OfAnEndedRun_IsNoEdit()
    {
        using var faults = new FaultCounter();
        var scope = _tracer.StartRun("run");
        scope.Run.End();

        scope.Dispose();
        scope.Dispose();

        Assert.That(faults["edit_after_end"], Is.Zero);
    }

    [Test]
    public void End_WhenTheRecorderWasTold_DropsThePayload()
    {
        string? seen = null;
        var tracer = Recording.Tracer(new DelegateRecorder
        {
            End = run => seen = $"{run.Inputs.Text()} {run.Outputs.Text()} {run.Events.Count} {run.EndTime is not null}",
        });
        using var scope = tracer.StartRun("run", "in");
        scope.Run.AddEvent("e");
        scope.Run.AddMetadata("k", "v");
        scope.Run.AddTags("t");

        scope.Run.End("out");

        Assert.Multiple(() =>
        {
            Assert.That(seen, Is.EqualTo("""{"input":"in"} {"output":"out"} 1 True"""));
            Assert.That(scope.Run.Inputs, Is.Null);
            Assert.That(scope.Run.Outputs, Is.Null);
            Assert.That(scope.Run.Events, Is.Empty);
            // Identity stays: work that outlives the run may attach to it.
            Assert.That(scope.Run.Metadata.Keys, Is.EqualTo(new[] { "k" }));
            Assert.That(scope.Run.Tags, Is.EqualTo(new[] { "t" }));
            Assert.That(scope.Run.ToHeaders()["langsmith-trace"], Is.EqualTo(scope.Run.DottedOrder));
        });
    }

    [Test]
    public void AddMetadata_ReplacesKeysAndRebuildsHeaders()
    {
        using var scope = _tracer.StartRun("run");
        var before = scope.Run.ToHeaders()["baggage"];
        scope.Run.AddMetadata("user", "u-1");
        var first = scope.Run.Context;

        scope.Run.AddMetadata("user", new { id = 2 });
        scope.Run.AddMetadata("plan", "free");

        Assert.Multiple(() =>
        {
            Assert.That(before, Is.EqualTo("langsmith-project=own"));
            Assert.That(scope.Run.ToHeaders()["baggage"], Does.StartWith("langsmith-metadata=" + Uri.EscapeDataString("""{"user":{"id":2},"plan":"free"}""")));
            Assert.That(first.Metadata.Keys, Is.EqualTo(new[] { "user" }), "a context that was handed out does not change");
            Assert.That(first.Metadata["user"].GetString(), Is.EqualTo("u-1"));
        });
    }

    [Test]
    public void AddTags_AddsNewOnesAndRebuildsHeaders()
    {
        using var scope = _tracer.StartRun("run");
        scope.Run.AddTags("a", "b");
        var before = scope.Run.ToHeaders()["baggage"];

        scope.Run.AddTags("b", "", "c", null!);

        Assert.Multiple(() =>
        {
            Assert.That(before, Is.EqualTo("langsmith-tags=a%2Cb,langsmith-project=own"));
            Assert.That(scope.Run.ToHeaders()["baggage"], Is.EqualTo("langsmith-tags=a%2Cb%2Cc,langsmith-project=own"));
            Assert.That(scope.Run.Tags, Is.EqualTo(new[] { "a", "b", "c" }));
        });
    }

    [Test]
    public void ToHeaders_Unchanged_AreTheSameStrings()
    {
        using var scope = _tracer.StartRun("run", options: new RunOptions { Tags = ["a"] });
        var first = scope.Run.ToHeaders()["baggage"];

        Assert.That(scope.Run.ToHeaders()["baggage"], Is.SameAs(first));
    }

    [Test]
    public void AddEvent_RecordsNameTimeAndPayload()
    {
        using var scope = _tracer.StartRun("run");
        scope.Run.AddEvent("new_token");
        _time.Advance(TimeSpan.FromSeconds(2));
        scope.Run.AddEvent("retry", new { attempt = 2 });
        scope.Run.End();

        var events = _recorder.Single("run").Events;
        Assert.Multiple(() =>
        {
            Assert.That(events.Select(e => e.Name), Is.EqualTo(new[] { "new_token", "retry" }));
            Assert.That(events[0].Payload, Is.Null);
            Assert.That(events[1].Payload.Text(), Is.EqualTo("""{"attempt":2}"""));
            Assert.That(events[1].Time - events[0].Time, Is.EqualTo(TimeSpan.FromSeconds(2)));
        });
    }

    [Test]
    public void SetInputsAndOutputs_ReplaceAndClear()
    {
        using var scope = _tracer.StartRun("run", "first");
        scope.Run.SetInputs(new { second = true });
        scope.Run.SetOutputs("out");
        var (inputs, outputs) = (scope.Run.Inputs.Text(), scope.Run.Outputs.Text());

        scope.Run.SetInputs(null);
        scope.Run.SetOutputs(null);

        Assert.Multiple(() =>
        {
            Assert.That(inputs, Is.EqualTo("""{"second":true}"""));
            Assert.That(outputs, Is.EqualTo("""{"output":"out"}"""));
            Assert.That(scope.Run.Inputs, Is.Null);
            Assert.That(scope.Run.Outputs, Is.Null);
        });
    }

    [Test]
    public void Edits_WithNull_AreIgnoredAndCounted()
    {
        using var faults = new FaultCounter();
        using var scope = _tracer.StartRun("run");
        scope.Run.AddMetadata(null!, 1);
        scope.Run.AddTags(null!);
        scope.Run.AddEvent(null!);
        Assert.That(faults["bad_argument"], Is.EqualTo(3));
        Assert.That((scope.Run.Metadata.Count, scope.Run.Tags.Count, scope.Run.Events.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void Fail_WithNull_StillFails([Values] bool isException)
    {
        using (var scope = _tracer.StartRun("run"))
        {
            if (isException)
                scope.Run.Fail((Exception)null!);
            else
                scope.Run.Fail((string)null!);
        }

        Assert.That(_recorder.Runs.Single().Error, Is.EqualTo("unknown error"));
    }

    private static InvalidOperationException Thrown()
    {
        try
        {
            throw new InvalidOperationException("outer", new FormatException("inner"));
        }
        catch (InvalidOperationException exception)
        {
            return exception;
        }
    }

    private sealed class UnreadableException : Exception
    {
        public override string Message => throw new InvalidOperationException("not readable");
    }
}
