namespace LangSmith.Http.Outbound.Headers;

/// <summary>
/// The <c>baggage</c> line as it was last written to a message. The next writer needs it: the runtime removes the header
/// before it sends a message again, OpenTelemetry replaces it, other handlers add to it.
/// </summary>
/// <param name="Foreign">The foreign members without the activity's; null if there were none.</param>
/// <param name="WithActivity"><paramref name="Foreign"/> followed by the activity's members.</param>
/// <param name="Line">The whole line: our members, then <paramref name="WithActivity"/>.</param>
internal sealed record WrittenBaggage(string? Foreign, string? WithActivity, string? Line)
{
    internal ReadOnlySpan<char> ActivityMembers => WithActivity.AsSpan(Foreign?.Length ?? 0);

    /// <summary>True if a line still begins with our members, so that it is this line with a few changes.</summary>
    internal bool IsEditedIn(string line)
    {
        var ours = Line.AsSpan(0, (Line?.Length ?? 0) - (WithActivity?.Length ?? 0)).TrimEnd(',');
        return !ours.IsEmpty
            && line.AsSpan().StartsWith(ours, StringComparison.Ordinal)
            && (line.Length == ours.Length || line[ours.Length] == ',');
    }
}
