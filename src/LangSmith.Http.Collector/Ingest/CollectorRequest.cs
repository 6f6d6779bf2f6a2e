namespace LangSmith.Http;

/// <summary>An ingest request, as <see cref="LangSmithCollector.Fault"/> is asked about it.</summary>
/// <param name="Number">The how manieth it is, from 1; <c>/info</c> counts.</param>
/// <param name="Method">The method.</param>
/// <param name="Path">The path, such as <c>/runs/multipart</c>, behind the prefix the collector is mapped under, if there is one.</param>
public sealed record CollectorRequest(long Number, string Method, string Path);
