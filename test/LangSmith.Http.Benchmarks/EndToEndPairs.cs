using System.Globalization;
using System.Net;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// Requests to an application with LangSmith and to the same without it, in turns. What the exporter does in the background
/// meets both: what it costs at p99 is also seen next to the row of an application against itself. For
/// <c>dotnet run -c Release -- requests</c>, which takes about four minutes.
/// </summary>
internal static class EndToEndPairs
{
    private const int Connections = 32;

    private static readonly List<string> Notes = [];

    internal static void Run(string[] args)
    {
        if (args is [LangSmithStandIn.Argument])
        {
            LangSmithStandIn.RunAsync().GetAwaiter().GetResult();
            return;
        }

        // Everything is on loopback, whatever HTTP_PROXY says.
        HttpClient.DefaultProxy = new WebProxy();
        using var langSmith = new LangSmithStandIn();
        using var blackHole = new BlackHole();
        Pairs.PrintHeader();
        if (args is ["parts"])
            RunParts(langSmith.Address);
        else
            RunAll(langSmith.Address, blackHole.Address);
        Console.WriteLine();
        Notes.ForEach(Console.WriteLine);
    }

    private static void RunAll(Uri langSmith, Uri blackHole)
    {
        foreach (var (load, answers, pairs) in new[]
        {
            (Load.InTurns, TimeSpan.Zero, 50_000),
            (Load.InTurns, TimeSpan.FromMilliseconds(5), 2_500),
            (Load.Paced, TimeSpan.Zero, 10_000),
        })
        {
            var name = $"{Describe(answers)}{(load == Load.Paced ? ", 1,000 requests per second on 32 connections" : "")}";
            Run($"{name}: against itself", load, answers, pairs, Parts.None, null);
            Run($"{name}: everything on", load, answers, pairs, Parts.All, langSmith);
            Run($"{name}: everything on, LangSmith never answers", load, answers, pairs, Parts.All, blackHole, isFull: true);
        }
    }

    // One more in each row.
    private static void RunParts(Uri langSmith)
    {
        foreach (var (answers, pairs) in new[] { (TimeSpan.Zero, 50_000), (TimeSpan.FromMilliseconds(5), 1_500) })
        {
            var parts = Parts.None;
            foreach (var part in (ReadOnlySpan<Parts>)[Parts.None, Parts.Runs, Parts.Handler, Parts.Inbound, Parts.RunPerRequest, Parts.Export])
                Run($"{Describe(answers)}: {(part == Parts.None ? "against itself" : $"and {part}")}", Load.InTurns, answers, pairs, parts |= part, langSmith);
        }
    }

    private static string Describe(TimeSpan answers) => answers == TimeSpan.Zero ? "answered at once" : $"answered after {answers.TotalMilliseconds} ms";

    private static void Run(string name, Load load, TimeSpan answers, int count, Parts parts, Uri? langSmith, bool isFull = false) =>
        RunAsync(name, load, answers, count, parts, langSmith, isFull).GetAwaiter().GetResult();

    private static async Task RunAsync(string name, Load load, TimeSpan answers, int count, Parts parts, Uri? langSmith, bool isFull)
    {
        var warmUp = count / 5;
        // Full after the first tenth of what is measured.
        int? queuedRequests = isFull ? warmUp + (count / 10) : null;
        await using var without = await EndToEndApp.StartAsync(answers);
        await using var with = await EndToEndApp.StartAsync(answers, parts, langSmith, queuedRequests);
        Measure(load, warmUp, without, with);
        var before = with.Exported;
        Measure(load, count, without, with).Print(name);
        var after = with.Exported;
        if (parts.HasFlag(Parts.Export))
            Notes.Add(string.Create(CultureInfo.InvariantCulture, $"- {name}: of about {count * 6:N0} starts and ends of runs {after.Posted - before.Posted:N0} were posted and {after.Dropped - before.Dropped:N0} dropped; during the warm-up {before.Dropped:N0} were dropped."));
    }

    private static Pairs Measure(Load load, int count, EndToEndApp without, EndToEndApp with)
    {
        if (load == Load.InTurns)
            return MeasureConnection(without, with, count);

        // Pauses of random lengths, so that requests meet as they do in a service; 32 connections, one request each 32 ms.
        var connections = Enumerable.Range(0, Connections).Select(seed => Task.Factory.StartNew(
            () =>
            {
                var random = new Random(seed);
                return MeasureConnection(without, with, count / Connections, pause: () => Thread.Sleep(random.Next(0, 2 * Connections)));
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)).ToArray();
        Task.WaitAll(connections);
        return Pairs.Merge([.. connections.Select(static connection => connection.Result)]);
    }

    private static Pairs MeasureConnection(EndToEndApp without, EndToEndApp with, int count, Action? pause = null)
    {
        using var connectionWithout = new KeptAliveConnection(without.Port, "/ask/why");
        using var connectionWith = new KeptAliveConnection(with.Port, "/ask/why");
        return Pairs.Measure(count, connectionWithout.Send, connectionWith.Send, pause);
    }

    private enum Load
    {
        InTurns,
        Paced,
    }
}
