namespace LangSmith.Http.Outbound.Headers;

/// <summary>
/// The <c>baggage</c> line as it was last written to a message. The next writer needs it: the runtime removes the header
/// before it sends a message again, OpenTelemetry replaces it, other handlers add to it.
/// </summary>
/// <param name="Ours">Our members; null if there were none.</param>
/// <param name="Foreign">The foreign members without the activity's; null if there were none.</param>
/// <param name="Activity">The activity's members; null if there were none.</param>
/// <param name="All">Foreign and activity members, in the order in which they were written.</param>
/// <param name="Line">The whole line.</param>
internal sealed record WrittenBaggage(string? Ours, string? Foreign, string? Activity, string? All, string? Line)
{
    /// <summary>True if a line still begins with our members, so that it is this line with a few changes.</summary>
    internal bool IsEditedIn(string line) =>
        Ours is not null
        && line.StartsWith(Ours, StringComparison.Ordinal)
        && (line.Length == Ours.Length || line[Ours.Length] == ',');
}
