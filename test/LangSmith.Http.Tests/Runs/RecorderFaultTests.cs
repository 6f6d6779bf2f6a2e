using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Rule 1: a recorder that throws is counted, logged once and otherwise not noticed.</summary>
public class RecorderFaultTests
{
    private static readonly Func<Exception> Fault = () => new InvalidOperationException("recorder");

    [Test]
    public void Run_RecorderAndLoggerThrow_TheCallReturnsItsResultOrItsOwnException()
    {
        var recorder = new DelegateRecorder
        {
            Start = _ => throw new InvalidOperationException("recorder"),
            End = _ => throw new InvalidOperationException("recorder"),
        };
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true }, logger: new ThrowingLogger());
        var own = new FormatException("own");

        Assert.That(tracer.Run("works", _ => 1, inputs: new { unserialisable = typeof(string) }), Is.EqualTo(1));
        Assert.That(() => tracer.Run("fails", (RunTree _) => ThrowOwn()), Throws.Exception.SameAs(own));

        int ThrowOwn() => throw own;
    }

    [Test]
    public async Task Recorder_ThrowsWhenToldOfRuns_CallIsUnaffected()
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        var recorder = new DelegateRecorder { Start = _ => throw Fault(), End = _ => throw Fault() };
        var tracer = Recording.Tracer(recorder, logger: logger);

        var results = new List<string>
        {
            tracer.Run("sync", run => run.ToHeaders()["langsmith-trace"]),
            await tracer.RunAsync("async", run => Task.FromResult(run.ToHeaders()["langsmith-trace"])),
        };
        using (var scope = tracer.StartRun("scope", "in"))
        {
            results.Add(scope.Run.ToHeaders()["langsmith-trace"]);
            scope.Run.End("out");
            Assert.That((scope.Run.Inputs, scope.Run.Outputs), Is.EqualTo(((object?)null, (object?)null)), "the payload is dropped all the same");
        }

        Assert.Multiple(() =>
        {
            Assert.That(results, Has.Count.EqualTo(3).And.All.Not.Empty);
            Assert.That((recorder.Started, recorder.Ended), Is.EqualTo((3, 3)));
            Assert.That(faults["recorder_failed"], Is.EqualTo(6));
            Assert.That(logger.Lines, Has.Count.EqualTo(1), "logged once");
            Assert.That(logger.Lines[0], Does.StartWith("Warning CallbackFailed: IRunRecorder.OnStart").And.Contain("kind=recorder_failed"));
        });
    }

    [Test]
    public void Recorder_ThrowsWhenAsked_TraceIsNotRecordedAndCallIsUnaffected()
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        var tracer = Recording.Tracer(new DelegateRecorder { Decide = _ => throw Fault() }, logger: logger);

        Assert.Multiple(() =>
        {
            Assert.That(tracer.Run("run", run => run.IsRecorded), Is.False);
            Assert.That(tracer.Run("run", run => run.IsRecorded), Is.False);
            Assert.That(faults["recorder_failed"], Is.EqualTo(2));
            Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains("ShouldRecord"));
        });
    }

    [Test]
    public void Recorder_ThrowsAtTheEndOfARunThatThrew_CallersExceptionWins()
    {
        var thrown = new FormatException("the user's");
        var tracer = Recording.Tracer(new DelegateRecorder { End = _ => throw Fault() });

        Assert.That(Assert.Catch(() => tracer.Run("run", Throw)), Is.SameAs(thrown));

        void Throw(RunTree run) => throw thrown;
    }

    [Test]
    public void Recorder_EditsTheRunItIsToldOf_NeitherDeadlocksNorChangesIt()
    {
        using var faults = new FaultCounter();
        RunTree? run = null;
        var tracer = Recording.Tracer(new DelegateRecorder
        {
            End = _ => Task.Run(() =>
            {
                run!.End("again");
                run.AddTags("late");
            }).Wait(),
        });

        using (var scope = tracer.StartRun("run"))
            run = scope.Run;

        Assert.That(faults["edit_after_end"], Is.EqualTo(2));
    }

    private sealed class ThrowingLogger : ILogger<LangSmithTracer>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("logger");
    }
}
