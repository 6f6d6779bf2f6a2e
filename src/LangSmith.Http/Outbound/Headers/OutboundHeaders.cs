using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>Writes our two headers into a message, and merges <c>baggage</c> with what is there.</summary>
internal static class OutboundHeaders
{
    /// <summary>Writes both headers as the handler does, above every retry and redirect.</summary>
    /// <param name="request">The message.</param>
    /// <param name="headers">What to write.</param>
    /// <param name="merge">The merge an earlier attempt left; null on the first attempt, or if nothing was merged.</param>
    /// <param name="activity">The activity whose baggage no propagator below will send; null if one will.</param>
    /// <returns>The merge to remember; null if the line holds nothing foreign.</returns>
    internal static BaggageMerge? Write(HttpRequestMessage request, RunHeaders headers, BaggageMerge? merge, Activity? activity)
    {
        var line = Line(request, out var lines);
        // A message that is sent again still has the line we made: then the caller's members are the ones of the first time.
        var isOurs = merge is not null && (line is null || string.Equals(line, merge.Written, StringComparison.Ordinal));
        var caller = isOurs ? merge!.Caller : Caller(line, headers);
        var foreign = activity is null ? caller : BaggageLine.AddActivityBaggage(caller, activity.Baggage);
        var written = Compose(headers, foreign);
        SetTrace(request, headers.Trace);
        SetBaggage(request, line, lines, written);
        return merge is null && ReferenceEquals(written, headers.Baggage) ? null : new BaggageMerge(caller, written);
    }

    /// <summary>Writes the headers of one hop, as the runtime's propagator does: below every retry and redirect.</summary>
    /// <param name="request">The message, its URI that of the hop.</param>
    /// <param name="headers">What the handler wrote.</param>
    /// <param name="merge">The merge the handler left; null if there was nothing foreign.</param>
    /// <param name="isAllowed">Whether this hop may have the headers.</param>
    /// <param name="activity">The activity whose baggage is to travel; null for none.</param>
    /// <returns>The merge to remember; null if the line holds nothing foreign.</returns>
    internal static BaggageMerge? WriteHop(
        HttpRequestMessage request, RunHeaders headers, BaggageMerge? merge, bool isAllowed, Activity? activity)
    {
        var line = Line(request, out var lines);
        // A line that is not ours was written since: by OpenTelemetry for this hop, or by a handler below the first.
        var foreign = merge is not null && string.Equals(line, merge.Written, StringComparison.Ordinal)
            ? merge.Caller
            : BaggageLine.Union(merge?.Caller, Caller(line, headers));
        if (activity is not null)
            foreign = BaggageLine.AddActivityBaggage(foreign, activity.Baggage);
        var written = isAllowed ? Compose(headers, foreign) : foreign;
        SetTrace(request, isAllowed ? headers.Trace : null);
        SetBaggage(request, line, lines, written);
        return merge is null && ReferenceEquals(written, headers.Baggage)
            ? null
            : new BaggageMerge(merge?.Caller, isAllowed ? written : null);
    }

    /// <summary>Whether a message names this run, because an earlier attempt put it there.</summary>
    internal static bool Carries(HttpRequestMessage request, RunContext context) =>
        request.Headers.NonValidated.TryGetValues(RunContext.TraceHeaderName, out var values)
        && string.Equals(values.ToString(), context.DottedOrder, StringComparison.Ordinal);

    /// <summary>Takes our headers off a message, and leaves what others wrote.</summary>
    internal static void Remove(HttpRequestMessage request)
    {
        var line = Line(request, out var lines);
        request.Headers.Remove(RunContext.TraceHeaderName);
        SetBaggage(request, line, lines, BaggageLine.Foreign(line));
    }

    private static string? Compose(RunHeaders headers, string? foreign)
    {
        if (foreign is null)
        {
            PropagationTelemetry.CountDropped(headers.Dropped);
            return headers.Baggage;
        }

        var ours = headers.Fit(Encoding.UTF8.GetByteCount(foreign), out var dropped);
        PropagationTelemetry.CountDropped(dropped);
        return BaggageLine.Join(ours, foreign);
    }

    // Nothing foreign in our own line: the common case of a message that is sent again.
    private static string? Caller(string? line, RunHeaders headers) =>
        line is null || ReferenceEquals(line, headers.Baggage) ? null : BaggageLine.Foreign(line);

    // Several lines are one list, and become one line when it is written.
    private static string? Line(HttpRequestMessage request, out int lines)
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

        if (trace is not null)
            request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, trace);
    }

    private static void SetBaggage(HttpRequestMessage request, string? line, int lines, string? written)
    {
        // Several lines that join to the right text still have to become one.
        if (lines == 1 && string.Equals(line, written, StringComparison.Ordinal))
            return;
        if (lines > 0)
            request.Headers.Remove(RunContext.BaggageHeaderName);
        if (written is not null)
            request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, written);
    }
}
