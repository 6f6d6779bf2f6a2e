namespace LangSmith.Http;

/// <summary>Something about a run, or a request, that is not as it should be, in words.</summary>
/// <param name="Code">A stable name for the kind of problem, such as <c>parent_missing</c>.</param>
/// <param name="Severity">Whether LangSmith would refuse it, or only show something broken.</param>
/// <param name="Message">What is wrong, for a person.</param>
/// <param name="TraceId">The trace; null where it is not known.</param>
/// <param name="RunId">The run; null where it is not known.</param>
/// <param name="RunName">The run's name; null where it is not known.</param>
/// <param name="Time">When it was seen; for what is missing, when the run that misses it arrived.</param>
public sealed record CollectorProblem(
    string Code, ProblemSeverity Severity, string Message, Guid? TraceId, Guid? RunId, string? RunName, DateTimeOffset Time)
{
    /// <summary>How often it was seen.</summary>
    public int Count { get; init; } = 1;

    /// <inheritdoc/>
    public override string ToString() => $"{Code}: {Message}";
}

/// <summary>How bad a <see cref="CollectorProblem"/> is.</summary>
public enum ProblemSeverity
{
    /// <summary>LangSmith takes the run, and shows it somewhere or somehow it should not be.</summary>
    Warning,

    /// <summary>LangSmith refuses the request the run is in: none of its runs was kept.</summary>
    Error,
}
