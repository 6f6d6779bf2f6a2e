using System.Diagnostics;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The requests of <see cref="InboundRequestBenchmarks"/> in turns, one to a server without the middleware and one to a
/// server with it, so that whatever else the machine does meets both: the ratios of their percentiles. For
/// <c>dotnet run -c Release -- pairs</c>.
/// </summary>
internal static class InboundPairs
{
    private const int Pairs = 100_000;

    internal static void Run()
    {
        Console.WriteLine("| request | p50 without | p50 with | ratio | p99 without | p99 with | ratio |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        Run("no headers, against itself", static server => server.SetUpPlain(), static server => server.SetUpPlain());
        Run("no headers", static server => server.SetUpPlain(), static server => server.SetUpNoHeaders());
        Run("a caller's headers, trusted", static server => server.SetUpPlainHeaders(), static server => server.SetUpTrusted());
        Run("a caller's headers, not trusted", static server => server.SetUpPlainHeaders(), static server => server.SetUpUntrusted());
    }

    private static void Run(string name, Action<InboundRequestBenchmarks> setUpWithout, Action<InboundRequestBenchmarks> setUpWith)
    {
        var (without, with) = (new InboundRequestBenchmarks(), new InboundRequestBenchmarks());
        setUpWithout(without);
        setUpWith(with);
        Measure(without, with);
        var (withoutTimes, withTimes) = Measure(without, with);
        without.CleanUp();
        with.CleanUp();

        var (p50, p99) = (Pairs / 2, Pairs / 100 * 99);
        Console.WriteLine(
            $"| {name} | {Microseconds(withoutTimes[p50])} | {Microseconds(withTimes[p50])} | {Ratio(p50)} | {Microseconds(withoutTimes[p99])} | {Microseconds(withTimes[p99])} | {Ratio(p99)} |");

        string Ratio(int index) => $"{(double)withTimes[index] / withoutTimes[index]:F3}";
        static string Microseconds(long ticks) => $"{ticks * 1e6 / Stopwatch.Frequency:F1} us";
    }

    private static (long[] Without, long[] With) Measure(InboundRequestBenchmarks without, InboundRequestBenchmarks with)
    {
        var times = (Without: new long[Pairs], With: new long[Pairs]);
        for (var i = 0; i < Pairs; i++)
        {
            // Whoever comes second finds other caches: they take turns in that, too.
            if (i % 2 == 0)
            {
                times.Without[i] = Time(without);
                times.With[i] = Time(with);
            }
            else
            {
                times.With[i] = Time(with);
                times.Without[i] = Time(without);
            }
        }

        Array.Sort(times.Without);
        Array.Sort(times.With);
        return times;
    }

    private static long Time(InboundRequestBenchmarks server)
    {
        var start = Stopwatch.GetTimestamp();
        server.Plain();
        return Stopwatch.GetTimestamp() - start;
    }
}
