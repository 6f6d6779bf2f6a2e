namespace LangSmith.Http;

/// <summary>How a run, or a trace, stands.</summary>
public enum RunStatus
{
    /// <summary>It ended without an error.</summary>
    Ok,

    /// <summary>It ended with an error; of a trace: a run of it did.</summary>
    Error,

    /// <summary>It has not ended; of a trace: a run of it has not, and none failed.</summary>
    Pending,
}
