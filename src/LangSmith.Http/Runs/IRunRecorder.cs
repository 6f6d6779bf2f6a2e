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
    /// Decides, once for each root run started here, whether its trace is recorded. If a trace is not recorded, requests
    /// carry no <c>langsmith-trace</c> and none of its runs is reported. If this throws, the trace is not recorded.
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
