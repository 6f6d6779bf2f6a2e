namespace LangSmith.Http.Outbound.Headers;

/// <summary>
/// The foreign members the caller had set, and the line made of them. They differ from the header whenever it was written
/// since: the runtime removes it before it sends a message again, OpenTelemetry replaces it.
/// </summary>
/// <param name="Caller">The caller's foreign members; null if there were none.</param>
/// <param name="Written">
/// The line that was written; null if it holds no <c>langsmith-*</c> member, because another writer may then write the same.
/// </param>
internal sealed record BaggageMerge(string? Caller, string? Written);
