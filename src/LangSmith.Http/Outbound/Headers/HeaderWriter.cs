using System.Net.Http.Headers;
using System.Text;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>Writes <c>langsmith-trace</c> and <c>baggage</c> to a message. The only code that does.</summary>
internal static class HeaderWriter
{
    /// <summary>
    /// Writes both headers: our members first, then the foreign members the message has or had, then the activity's.
    /// </summary>
    /// <param name="request">The message.</param>
    /// <param name="headers">What to write. <see cref="RunHeaders.Nothing"/> removes both headers and keeps the foreign members.</param>
    /// <param name="last">What the last call for this message returned; null on the first.</param>
    /// <param name="fromActivity">The members of the activity's baggage that travel; null for none.</param>
    /// <param name="isNewAttempt">
    /// True in the handler. Below it, the order of the line is kept, because a handler may have signed it.
    /// </param>
    /// <returns>What the next call needs; null if there is no foreign member, and none was known before.</returns>
    internal static WrittenBaggage? Write(
        HttpRequestMessage request,
        RunHeaders headers,
        WrittenBaggage? last,
        IEnumerable<KeyValuePair<string, string?>>? fromActivity,
        bool isNewAttempt)
    {
        if (last is null && fromActivity is null && request.Headers.NonValidated.Count == 0)
        {
            // A new message: nothing to merge.
            Add(request, headers.Trace, headers.Baggage);
            PropagationTelemetry.CountDropped(headers.Dropped);
            return null;
        }

        return Merge(request, headers, last, fromActivity, isNewAttempt);
    }

    private static WrittenBaggage? Merge(
        HttpRequestMessage request,
        RunHeaders headers,
        WrittenBaggage? last,
        IEnumerable<KeyValuePair<string, string?>>? fromActivity,
        bool isNewAttempt)
    {
        var line = GetBaggage(request, out var lines);
        var foreign = GetForeignMembers(line, headers, last, out var ordered);
        var isCut = false;
        var members = fromActivity is null ? null : BaggageLine.GetActivityMembers(fromActivity, foreign, out isCut);
        var all = ordered is null || isNewAttempt ? BaggageLine.Join(foreign, members)
            : ReferenceEquals(ordered, last?.All) && members == last!.Activity ? ordered
            : ReplaceActivityMembers(ordered, last?.Activity, members);
        var (ours, dropped) = Fit(headers, all);
        var written = last is not null && ReferenceEquals(all, last.All) && ours == last.Ours ? last.Line : BaggageLine.Join(ours, all);
        SetTrace(request, headers.Trace);
        // Several values that join to the right line still have to become one.
        if (lines != 1 || !string.Equals(line, written, StringComparison.Ordinal))
        {
            SetBaggage(request, lines, written);
            PropagationTelemetry.CountDropped(isCut ? dropped | DroppedMembers.ActivityBaggage : dropped);
        }

        if (last is null ? all is null : last.Line == written && last.Foreign == foreign)
            return last;
        return new WrittenBaggage(ours, foreign, members, all, written);
    }

    /// <summary>True if <c>baggage</c> is no longer what was last written.</summary>
    internal static bool IsBaggageChanged(HttpRequestMessage request, RunHeaders headers, WrittenBaggage? last) =>
        !string.Equals(GetBaggage(request, out _), last is null ? headers.Baggage : last.Line, StringComparison.Ordinal);

    /// <summary>Removes <c>langsmith-trace</c> and the <c>langsmith-*</c> members, also those that the application wrote.</summary>
    internal static void Remove(HttpRequestMessage request)
    {
        var line = GetBaggage(request, out var lines);
        request.Headers.Remove(RunContext.TraceHeaderName);
        var foreign = BaggageLine.GetForeignMembers(line);
        if (!string.Equals(line, foreign, StringComparison.Ordinal))
            SetBaggage(request, lines, foreign);
    }

    /// <summary>The <c>langsmith-trace</c> of a message; null if it has none.</summary>
    internal static string? GetTrace(HttpRequestMessage request) =>
        TryGetValues(request, RunContext.TraceHeaderName, out var values) ? values.ToString() : null;

    /// <summary>True if a message carries <c>langsmith-trace</c> or a <c>langsmith-*</c> member.</summary>
    internal static bool HasOurs(HttpRequestMessage request) => GetTrace(request) is not null || GetOurMembers(request) is not null;

    /// <summary>Reads the LangSmith headers that a message carries; null if it carries none.</summary>
    /// <param name="request">The message.</param>
    /// <param name="baggage">The line as it is, so that it is not rewritten where it may stay.</param>
    internal static RunHeaders? Read(HttpRequestMessage request, out WrittenBaggage? baggage)
    {
        var trace = GetTrace(request);
        var line = GetBaggage(request, out _);
        var ours = BaggageLine.GetOurMembers(line);
        var foreign = BaggageLine.GetForeignMembersToSend(line);
        baggage = foreign is null ? null : new WrittenBaggage(ours, foreign, null, foreign, line);
        return trace is null && ours is null ? null : RunHeaders.CreateVerbatim(trace, ours);
    }

    private static string? GetOurMembers(HttpRequestMessage request) => BaggageLine.GetOurMembers(GetBaggage(request, out _));

    private static void Add(HttpRequestMessage request, string? trace, string? baggage)
    {
        if (trace is not null)
            request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, trace);
        if (baggage is not null)
            request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, baggage);
    }

    // Returns the foreign members without the activity's. The out parameter has both, in the order in which the line had them; it is null
    // if somebody replaced the line.
    private static string? GetForeignMembers(string? line, RunHeaders headers, WrittenBaggage? last, out string? ordered)
    {
        ordered = last?.All;
        // The line is unchanged, or the runtime removed it to send the message again.
        if (line is null || string.Equals(line, last is null ? headers.Baggage : last.Line, StringComparison.Ordinal))
            return last?.Foreign;
        var seen = BaggageLine.GetForeignMembersToSend(line);
        if (last is null)
            return seen;
        var foreign = BaggageLine.Except(seen, last.Activity);
        // A handler that edits the line may add and remove members. One that replaces it, as OpenTelemetry does, only adds.
        var isEdited = last.IsEditedIn(line);
        ordered = isEdited ? seen : null;
        return isEdited ? foreign : BaggageLine.Union(last.Foreign, foreign);
    }

    // A handler below may have started another activity for this attempt.
    private static string? ReplaceActivityMembers(string ordered, string? before, string? now) => BaggageLine.Join(
        BaggageLine.Except(ordered, BaggageLine.Except(before, now)),
        BaggageLine.Except(now, ordered));

    private static (string? Ours, DroppedMembers Dropped) Fit(RunHeaders headers, string? foreign)
    {
        if (foreign is null)
            return (headers.Baggage, headers.Dropped);
        return (headers.Fit(Encoding.UTF8.GetByteCount(foreign), out var dropped), dropped);
    }

    // Several lines are one list.
    private static string? GetBaggage(HttpRequestMessage request, out int lines)
    {
        lines = 0;
        if (!TryGetValues(request, RunContext.BaggageHeaderName, out var values))
            return null;
        lines = values.Count;
        return lines == 1 ? values.ToString() : string.Join(',', values);
    }

    private static bool TryGetValues(HttpRequestMessage request, string name, out HeaderStringValues values)
    {
        values = default;
        var headers = request.Headers.NonValidated;
        // Looking a name up costs as much as adding it, and many messages have no header yet.
        return headers.Count > 0 && headers.TryGetValues(name, out values);
    }

    private static void SetTrace(HttpRequestMessage request, string? trace)
    {
        if (TryGetValues(request, RunContext.TraceHeaderName, out var values))
        {
            if (values.Count == 1 && string.Equals(values.ToString(), trace, StringComparison.Ordinal))
                return;
            request.Headers.Remove(RunContext.TraceHeaderName);
        }

        Add(request, trace, null);
    }

    private static void SetBaggage(HttpRequestMessage request, int lines, string? line)
    {
        if (lines > 0)
            request.Headers.Remove(RunContext.BaggageHeaderName);
        Add(request, null, line);
    }
}
