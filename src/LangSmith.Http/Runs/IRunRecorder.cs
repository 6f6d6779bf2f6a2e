namespace LangSmith.Http;

/// <summary>
/// Receives runs as they start and end. Implement it for an exporter, a collector or a test; register it in the service
/// collection, or hand it to <see cref="LangSmithTracer"/>.
/// </summary>
/// <remarks>
/// The methods are called on the thread that starts or ends the run and must not block it. If one throws, the exception is
/// counted, logged once and otherwise ignored. Snapshots are immutable and may be kept.
/// </remarks>
public interface IRunRecorder
{
    /// <summary>
    /// Decides whether a trace is recorded here: it is asked when a root run starts, and for each run whose parent is in another process.
    /// The answer for one id must stay the same. None of the runs of a trace that is not recorded is reported; requests carry the caller's
    /// run, or no <c>langsmith-trace</c> if the trace starts here. If this throws, the trace is not recorded.
    /// </summary>
    /// <param name="traceId">The trace's id, which is its root run's.</param>
    bool ShouldRecord(Guid traceId);

    /// <summary>Called once for each recorded run, when it has started.</summary>
    /// <param name="run">The run with its inputs.</param>
    void OnStart(RunSnapshot run);

    /// <summary>Called once for each recorded run, when it has ended.</summary>
    /// <param name="run">The run with its inputs, outputs, error and events.</param>
    void OnEnd(RunSnapshot run);
}
