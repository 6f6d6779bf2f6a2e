namespace LangSmith.Http.Collector.Model;

/// <summary>Why a request is refused, and the run that causes it, if that is known.</summary>
internal sealed record Refusal(string Code, string Message)
{
    internal Guid? TraceId { get; init; }

    internal Guid? RunId { get; init; }

    internal string? RunName { get; init; }
}
