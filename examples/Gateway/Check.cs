using LangSmith.Http;

namespace GatewayExample;

/// <summary>Something that must hold, and the callers for whom it does not.</summary>
internal sealed record Check(string What, IReadOnlyList<string> Broken)
{
    public bool Holds => Broken.Count == 0;

    public static IEnumerable<Check> All(IReadOnlyList<Exchange> exchanges) =>
    [
        For(exchanges, "every caller was answered", it => it.Answer == $"200 All about {it.Caller.Topic}."),
        For(exchanges, "nothing that was forged is left for the proxy to copy", it => it.Left.Count > 0 && !it.Left.Any(Caller.IsForged)),
        For(exchanges, "nothing that was forged got behind the gateway", it => !it.Received.Any(Caller.IsForged)),
        For(exchanges, "the internal service received one langsmith-trace: that of the gateway's own run",
            it => it.Lines(RunContext.TraceHeaderName).SequenceEqual(it.Runs.Where(run => run.Service == "gateway").Select(run => run.Run.DottedOrder))),
        For(exchanges, "one line of baggage: the gateway's project, then the caller's tenant=7 as it was sent",
            it => it.Lines(RunContext.BaggageHeaderName).SequenceEqual([it.Caller.Baggage is { } foreign ? $"langsmith-project=edge,{foreign}" : "langsmith-project=edge"])),
        For(exchanges, "the W3C trace goes on", it => it.Lines("traceparent").SingleOrDefault()?.StartsWith(it.Caller.TraceParent, StringComparison.Ordinal) == true),
        For(exchanges, "each trace begins at the gateway and goes on in the internal service",
            it => it.Runs is [("gateway", { ParentRunId: null } root), ("internal", var answer)] && answer.ParentRunId == root.Id),
        For(exchanges, "every run is in the gateway's project, without metadata or tags of a caller",
            it => it.Runs.All(run => run.Run is { Project: "edge", Metadata.Count: 0, Tags.Count: 0 })),
        For(exchanges, "no two callers share a trace",
            it => exchanges.Count(other => other.Runs.Intersect(it.Runs).Any()) == 1),
    ];

    private static Check For(IEnumerable<Exchange> exchanges, string what, Func<Exchange, bool> holds) =>
        new(what, [.. exchanges.Where(exchange => !holds(exchange)).Select(exchange => exchange.Caller.Topic)]);
}
