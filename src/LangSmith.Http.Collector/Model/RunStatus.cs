namespace LangSmith.Http;

/// <summary>The state of a run or a trace.</summary>
public enum RunStatus
{
    /// <summary>The run ended without an error; all runs of the trace did.</summary>
    Ok,

    /// <summary>The run has an error; a run of the trace has one.</summary>
    Error,

    /// <summary>The run has not ended; a run of the trace has not, and none has an error.</summary>
    Pending,
}
