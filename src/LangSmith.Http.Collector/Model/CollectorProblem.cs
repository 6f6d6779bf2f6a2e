namespace LangSmith.Http;

/// <summary>Describes what is wrong with a run or a request.</summary>
public sealed record CollectorProblem
{
    /// <summary>A stable name for the kind of problem, such as <c>parent_missing</c>.</summary>
    public required string Code { get; init; }

    /// <summary>Whether LangSmith would refuse the run, or accept it and show it wrongly.</summary>
    public required ProblemSeverity Severity { get; init; }

    /// <summary>The problem and its remedy, for a person.</summary>
    public required string Message { get; init; }

    /// <summary>The trace's id; null if it is not known.</summary>
    public Guid? TraceId { get; init; }

    /// <summary>The run's id; null if it is not known.</summary>
    public Guid? RunId { get; init; }

    /// <summary>The run's name; null if it is not known.</summary>
    public string? RunName { get; init; }

    /// <summary>When a request was refused, or when the run that the problem is about arrived.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>How many times the problem occurred.</summary>
    /// <value>Default: 1.</value>
    public int Count { get; init; } = 1;

    /// <summary>Code and message.</summary>
    public override string ToString() => $"{Code}: {Message}";
}
