using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace LangSmith.Http.Benchmarks;

/// <summary>What a child of <see cref="ExportThroughput"/> prints.</summary>
/// <param name="Seconds">From the first measured run's start until everything is posted.</param>
/// <param name="CpuSeconds">What the process computed meanwhile, on all cores.</param>
/// <param name="BaseKiB">The most memory it had before the first run of all.</param>
/// <param name="PeakKiB">The most it ever had.</param>
/// <param name="Dropped">How many starts and ends of runs were not posted.</param>
internal sealed record ExportChildResult(double Seconds, double CpuSeconds, long BaseKiB, long PeakKiB, long Dropped);

/// <summary>
/// Posts runs to <c>LANGSMITH_ENDPOINT</c> as fast as the exporter can: traces of a root and nine children, 1 KB of inputs
/// and of outputs each. <c>export.mjs</c> does the same with the JavaScript SDK.
/// </summary>
internal static class ExportChild
{
    internal const string Argument = "export-child";
    internal const int RunsPerTrace = 10;

    // So that neither SDK piles up everything in its queue.
    private const int RunsPerFlush = 5_000;

    internal static async Task RunAsync(int runs, int warmUpRuns)
    {
        using var input = Console.OpenStandardInput();
        var texts = (await JsonSerializer.DeserializeAsync<string[]>(input))!;
        var baseKiB = PeakKiB();
        await using var exporter = new LangSmithExporter();
        var tracer = new LangSmithTracer(exporter);
        await SendAsync(0, warmUpRuns);
        var cpu = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        await SendAsync(warmUpRuns, runs);
        var seconds = clock.Elapsed.TotalSeconds;
        var result = new ExportChildResult(seconds, (Environment.CpuUsage.TotalTime - cpu).TotalSeconds, baseKiB, PeakKiB(), exporter.DroppedOperations);
        Console.WriteLine(JsonSerializer.Serialize(result, JsonSerializerOptions.Web));

        async Task SendAsync(int first, int count)
        {
            for (var next = first; next < first + count;)
            {
                Trace(tracer, texts, next);
                next += RunsPerTrace;
                if (next % RunsPerFlush == 0 || next == first + count)
                    await exporter.FlushAsync(Timeout.InfiniteTimeSpan);
            }
        }
    }

    internal static string Question(string[] texts, int n) => $"{Text(texts, 3 * n)} #{n}";

    internal static string Answer(string[] texts, int n) => $"{Text(texts, 5 * n)} {Text(texts, 7 * n)} #{n}";

    private static string Text(string[] texts, int n) => texts[n % texts.Length];

    private static void Trace(LangSmithTracer tracer, string[] texts, int first)
    {
        using var root = tracer.StartRun("answer", Inputs(texts, first), new RunOptions
        {
            Metadata = new Dictionary<string, object?> { ["user_id"] = $"u-{first}", ["thread_id"] = $"thread-{first}", ["model"] = "gpt-4o" },
            Tags = ["benchmark"],
        });
        for (var n = first + 1; n < first + RunsPerTrace; n++)
        {
            var (name, type) = n % 2 == 0 ? ("search", RunTypes.Tool) : ("complete", RunTypes.Llm);
            using var child = tracer.StartRun(name, Inputs(texts, n), new RunOptions { RunType = type, Tags = ["benchmark"] });
            child.Run.End(Outputs(texts, n));
        }

        root.Run.End(Outputs(texts, first));
    }

    private static object Inputs(string[] texts, int n) =>
        new { Messages = new Message[] { new("system", Text(texts, n)), new("user", Question(texts, n)) } };

    private static object Outputs(string[] texts, int n) => new { Messages = new Message[] { new("assistant", Answer(texts, n)) } };

    private static long PeakKiB()
    {
        const string Name = "VmHWM:";
        var line = File.ReadLines("/proc/self/status").Single(static line => line.StartsWith(Name, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(Name.Length, line.Length - Name.Length - "kB".Length), CultureInfo.InvariantCulture);
    }

    private sealed record Message(string Role, string Content);
}
