using LangSmith.Http;

namespace GatewayExample;

/// <summary>What came of one caller's request.</summary>
internal sealed class Exchange(Caller caller, string answer, Wire wire, IEnumerable<CollectedTrace> traces)
{
    public Caller Caller { get; } = caller;

    public string Answer { get; } = answer;

    /// <summary>The caller's request behind the gateway's middleware, where the proxy finds it.</summary>
    public IReadOnlyList<string> Left { get; } = wire.Seen("gateway", caller.Topic);

    /// <summary>The gateway's request, in front of the internal service's middleware.</summary>
    public IReadOnlyList<string> Received { get; } = wire.Seen("internal", caller.Topic);

    /// <summary>The trace with the answer, whose run has the topic in its inputs.</summary>
    public CollectedTrace? Trace { get; } = traces.FirstOrDefault(trace => trace.Named("answer").Any(run =>
        run.Inputs?.GetProperty("topic").GetString() == caller.Topic));

    /// <summary>The lines the internal service received of a header.</summary>
    public IEnumerable<string> Lines(string name) =>
        Received.Where(line => line.StartsWith($"{name}: ", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 2)..]);
}
