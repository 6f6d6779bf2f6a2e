namespace LangSmith.Http.Collector.Traces;

/// <summary>One line of the list of traces.</summary>
internal sealed record TraceSummary(
    Guid Id,
    long Changes,
    string Name,
    string Project,
    IReadOnlyList<string> Projects,
    IReadOnlyList<string> Services,
    RunStatus Status,
    DateTimeOffset StartTime,
    TimeSpan? Duration,
    int Runs,
    int Errors,
    int Pending,
    string? ThreadId,
    int ProblemCount);
