namespace LangSmith.Http;

/// <summary>How bad a <see cref="CollectorProblem"/> is.</summary>
public enum ProblemSeverity
{
    /// <summary>LangSmith accepts the run, and shows it incomplete or in the wrong place.</summary>
    Warning,

    /// <summary>LangSmith refuses the whole request that contains the run.</summary>
    Error,
}
