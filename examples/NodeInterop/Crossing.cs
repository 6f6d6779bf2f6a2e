using LangSmith.Http;

namespace NodeInterop;

/// <summary>One call from a client of one language to a server of the other: what crossed, and what both posted.</summary>
internal sealed class Crossing(string title)
{
    /// <summary>The <c>langsmith-trace</c> header, as the server received it.</summary>
    public string Trace { get; set; } = "";

    /// <summary>The <c>baggage</c> header, as the server received it.</summary>
    public string Baggage { get; set; } = "";

    public string Answer { get; set; } = "";

    /// <summary>The runs of all traces: the client's first.</summary>
    public IReadOnlyList<CollectedRun> Runs { get; private set; } = [];

    private IReadOnlyList<CollectorProblem> Problems { get; set; } = [];

    /// <summary>Takes what both sides posted, and leaves the collector empty.</summary>
    public void Take(LangSmithCollector collector)
    {
        Runs = [.. collector.Traces.SelectMany(trace => trace.Runs)];
        Problems = collector.Problems;
        collector.Clear();
    }

    public void Print()
    {
        Console.WriteLine(title);
        Console.WriteLine($"  {RunContext.TraceHeaderName}: {Trace}");
        Console.WriteLine($"  {RunContext.BaggageHeaderName}: {Baggage}");
        Console.WriteLine();
        foreach (var run in Runs)
        {
            var name = run.ParentRunId is null ? run.Name : $"└─ {run.Name}";
            Console.WriteLine($"  {name,-10} {run.Service,-12} {run.Id}  project={run.Project}  thread_id={ThreadOf(run)}");
        }

        Console.WriteLine($"  answer: {Answer}");
        Console.WriteLine();
        foreach (var problem in Problems)
            Console.WriteLine($"  {problem}");
        foreach (var (what, holds) in Checks())
            Console.WriteLine($"  {(holds ? '✓' : '✗')} {what}");
        Console.WriteLine();
    }

    public IEnumerable<(string What, bool Holds)> Checks()
    {
        if (Runs is not [{ Name: "client" } client, { Name: "server" } server])
            return [("there is one run of the client and one of the server", false)];
        return
        [
            ("the client's run is the root, and what the header names", client.ParentRunId is null && client.TraceId == client.Id && Trace == client.DottedOrder),
            ("the server's run is its child", server.ParentRunId == client.Id && server.TraceId == client.TraceId),
            ("and its dotted order the client's, a dot, and one segment with its own id",
                server.DottedOrder.Length == client.DottedOrder.Length + 59   // a dot, 22 of time, 36 of id
                && server.DottedOrder.StartsWith(client.DottedOrder + ".", StringComparison.Ordinal)
                && server.DottedOrder.EndsWith(server.Id.ToString(), StringComparison.Ordinal)),
            ("both are in the client's project and thread", server.Project == client.Project && ThreadOf(client) is not null && ThreadOf(server) == ThreadOf(client)),
            ("the collector has no problems with either", Problems.Count == 0),
        ];
    }

    private static string? ThreadOf(CollectedRun run) => run.Metadata.TryGetValue("thread_id", out var id) ? id.GetString() : null;
}
