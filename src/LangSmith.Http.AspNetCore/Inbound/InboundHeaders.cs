using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.AspNetCore.Inbound;

/// <summary>Reads our part of a request's headers, and takes it out.</summary>
internal static class InboundHeaders
{
    /// <summary>
    /// The most <c>baggage</c> lines that are read; W3C Baggage allows several, proxies and SDKs write one. Their bytes are
    /// bounded by <see cref="BaggageLine.MaxReadLength"/>, the depth of a trace by <see cref="DottedOrder.MaxLength"/>.
    /// </summary>
    internal const int MaxLines = 64;

    // The legacy propagators' twin of baggage, with the same grammar.
    private const string CorrelationContext = "Correlation-Context";

    /// <summary>Whether there is anything of ours; allocates nothing.</summary>
    internal static bool HasAny(IHeaderDictionary headers) =>
        headers.ContainsKey(RunContext.TraceHeaderName) || HasMembers(headers.Baggage) || HasMembers(headers[CorrelationContext]);

    /// <summary>
    /// Reads the caller's run; null comes with the reason. What is too large is found out before anything is allocated.
    /// </summary>
    internal static string Read(IHeaderDictionary headers, TimeProvider timeProvider, out RunContext? caller)
    {
        caller = null;
        var baggage = headers.Baggage;
        if (baggage.Count > MaxLines)
            return InboundReason.TooManyLines;
        var length = 0;
        foreach (var line in baggage)
            length += line?.Length ?? 0;
        if (length > BaggageLine.MaxReadLength)
            return InboundReason.TooLong;
        var result = RunContext.Extract(headers, static (headers, name) => headers[name], out caller, timeProvider);
        return ReasonCounter<ExtractResult>.Name(result);
    }

    /// <summary>Takes everything of ours out, so that nothing in the request relays it. Foreign members stay.</summary>
    internal static void Strip(IHeaderDictionary headers)
    {
        headers.Remove(RunContext.TraceHeaderName);
        Strip(headers, RunContext.BaggageHeaderName);
        Strip(headers, CorrelationContext);
    }

    private static void Strip(IHeaderDictionary headers, string name)
    {
        var lines = headers[name];
        if (!HasMembers(lines))
            return;
        var kept = new List<string>(lines.Count);
        foreach (var line in lines)
        {
            if (BaggageLine.GetForeignMembers(line) is { } foreign)
                kept.Add(foreign);
        }

        if (kept.Count == 0)
            headers.Remove(name);
        else
            headers[name] = new StringValues([.. kept]);
    }

    private static bool HasMembers(StringValues lines)
    {
        foreach (var line in lines)
        {
            foreach (var member in BaggageLine.Members(line))
            {
                if (BaggageLine.IsOurs(member.Key))
                    return true;
            }
        }

        return false;
    }
}
