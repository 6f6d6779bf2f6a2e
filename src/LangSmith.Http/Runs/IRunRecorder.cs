namespace LangSmith.Http;

/// <summary>
/// Who is told of runs: an exporter, a collector, a test. Register one in the service collection, or give it to
/// <see cref="LangSmithTracer"/>.
/// </summary>
/// <remarks>
/// Calls are made on the thread that starts or ends the run and must not block it. A recorder that throws is counted,
/// logged once and otherwise ignored: the traced call never notices. What a recorder wants to keep it copies: when
/// <see cref="OnEnd"/> returns, the run drops its inputs, outputs, error and events.
/// </remarks>
public interface IRunRecorder
{
    /// <summary>
    /// Decides, once for each root run started here, whether its trace is recorded. A trace that is not sends no
    /// <c>langsmith-trace</c>, and no run of it is reported. If it throws, the trace is not recorded.
    /// </summary>
    /// <param name="traceId">The trace's id, which is its root run's.</param>
    bool ShouldRecord(Guid traceId);

    /// <summary>Called once for each recorded run, when it has started and its inputs are known.</summary>
    /// <param name="run">The run.</param>
    void OnStart(RunTree run);

    /// <summary>Called once for each recorded run, when it has ended.</summary>
    /// <param name="run">The run, its outputs, error and events still there.</param>
    void OnEnd(RunTree run);
}
