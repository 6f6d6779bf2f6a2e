using LangSmith.Http;

namespace GatewayExample;

/// <summary>Something that must hold, and where it does not.</summary>
internal sealed record Check(string What, IReadOnlyList<string> Broken)
{
    public bool Holds => Broken.Count == 0;

    public static IEnumerable<Check> All(IReadOnlyList<Exchange> exchanges, LangSmithCollector collector) =>
    [
        For(exchanges, "every caller was answered", it => it.Answer == $"200 All about {it.Caller.Topic}."),
        For(exchanges, "nothing that was forged is left for the proxy to copy", it => it.Left.Count > 0 && !it.Left.Any(Caller.IsForged)),
        For(exchanges, "nothing that was forged got behind the gateway", it => !it.Received.Any(Caller.IsForged)),
        For(exchanges, "the internal service received one langsmith-trace: that of the gateway's own run",
            it => it.Lines(RunContext.TraceHeaderName).SequenceEqual([it.Trace?.Root?.DottedOrder])),
        For(exchanges, "one line of baggage: the gateway's project, then the caller's tenant=7",
            it => it.Lines(RunContext.BaggageHeaderName).SequenceEqual([it.Caller.Baggage is { } foreign ? $"langsmith-project=edge,{foreign}" : "langsmith-project=edge"])),
        For(exchanges, "the W3C trace goes on", it => it.Lines("traceparent").SingleOrDefault()?.StartsWith(it.Caller.TraceParent, StringComparison.Ordinal) == true),
        For(exchanges, "each trace begins at the gateway and goes on in the internal service",
            it => it.Trace is { Root.Service: "gateway", Services: [_, "internal"] }),
        For(exchanges, "every run is in the gateway's project, without metadata or tags of a caller",
            it => it.Trace?.Runs.All(run => run is { Project: "edge", Tags.Count: 0 }
                && run.Metadata.Keys.All(key => key is "otel.trace_id" or "otel.span_id")) == true),   // the gateway's own activity
        new("there is a trace for each caller, and no other",
            collector.Traces.Count == exchanges.Count ? [] : [$"there are {collector.Traces.Count} for {exchanges.Count} callers"]),
        new("the collector has no problems", [.. collector.Problems.Select(problem => problem.Message)]),
    ];

    private static Check For(IEnumerable<Exchange> exchanges, string what, Func<Exchange, bool> holds) =>
        new(what, [.. exchanges.Where(exchange => !holds(exchange)).Select(exchange => exchange.Caller.Topic)]);
}
