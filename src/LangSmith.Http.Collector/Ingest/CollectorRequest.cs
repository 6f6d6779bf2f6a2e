namespace LangSmith.Http;

/// <summary>An ingest request, as <see cref="LangSmithCollector.Fault"/> receives it.</summary>
public sealed record CollectorRequest
{
    /// <summary>The request's number, from 1. Requests of <c>/info</c> count.</summary>
    public required long Number { get; init; }

    /// <summary>The HTTP method.</summary>
    public required string Method { get; init; }

    /// <summary>The path after the prefix that the collector is mapped under, such as <c>/runs/multipart</c>.</summary>
    public required string Path { get; init; }
}
