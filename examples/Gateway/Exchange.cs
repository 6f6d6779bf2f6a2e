using LangSmith.Http;

namespace GatewayExample;

/// <summary>A run and the service that recorded it.</summary>
internal sealed record ServiceRun(string Service, RecordedRun Run)
{
    public static IEnumerable<ServiceRun> Of(string service, IServiceProvider services) =>
        ((InMemoryRunRecorder)services.GetRequiredService<IRunRecorder>()).Runs.Select(run => new ServiceRun(service, run));
}

/// <summary>What came of one caller's request.</summary>
internal sealed class Exchange
{
    public Exchange(Caller caller, string answer, Wire wire, IReadOnlyList<ServiceRun> runs)
    {
        Caller = caller;
        Answer = answer;
        Left = wire.Seen("gateway", caller.Topic);
        Received = wire.Seen("internal", caller.Topic);
        var answered = runs.FirstOrDefault(run => run.Run.Inputs?.TryGetProperty("topic", out var topic) == true && topic.GetString() == caller.Topic);
        // Ordinal order of dotted orders is the order of the tree.
        Runs = [.. runs.Where(run => run.Run.TraceId == answered?.Run.TraceId).OrderBy(run => run.Run.DottedOrder, StringComparer.Ordinal)];
    }

    public Caller Caller { get; }

    public string Answer { get; }

    /// <summary>The caller's request behind the gateway's middleware, where the proxy finds it.</summary>
    public IReadOnlyList<string> Left { get; }

    /// <summary>The gateway's request, in front of the internal service's middleware.</summary>
    public IReadOnlyList<string> Received { get; }

    public IReadOnlyList<ServiceRun> Runs { get; }

    /// <summary>The lines the internal service received of a header.</summary>
    public IEnumerable<string> Lines(string name) =>
        Received.Where(line => line.StartsWith($"{name}: ", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 2)..]);
}
