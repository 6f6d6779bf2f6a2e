using System.Diagnostics;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// How long one thing takes next to another, in turns, so that whatever else the machine does meets both: the ratios of
/// their percentiles.
/// </summary>
internal sealed class Pairs
{
    private readonly List<long> _without;
    private readonly List<long> _with;

    private Pairs(List<long> without, List<long> with)
    {
        without.Sort();
        with.Sort();
        (_without, _with) = (without, with);
    }

    internal static void PrintHeader()
    {
        Console.WriteLine("| request | p50 without | p50 with | ratio | p99 without | p99 with | ratio |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
    }

    internal static Pairs Measure(int pairs, Action without, Action with, Action? pause = null)
    {
        var times = (Without: new List<long>(pairs), With: new List<long>(pairs));
        for (var i = 0; i < pairs; i++)
        {
            // Whoever comes second finds other caches: they take turns in that, too.
            if (i % 2 == 0)
            {
                Time(without, times.Without);
                Time(with, times.With);
            }
            else
            {
                Time(with, times.With);
                Time(without, times.Without);
            }
        }

        return new Pairs(times.Without, times.With);

        void Time(Action action, List<long> times)
        {
            pause?.Invoke();
            var start = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetTimestamp() - start);
        }
    }

    internal static Pairs Merge(IReadOnlyCollection<Pairs> parts) =>
        new([.. parts.SelectMany(static part => part._without)], [.. parts.SelectMany(static part => part._with)]);

    internal void Print(string name)
    {
        Console.WriteLine($"| {name} | {Columns(50)} | {Columns(99)} |");

        string Columns(int percent)
        {
            var (without, with) = (_without[_without.Count * percent / 100], _with[_with.Count * percent / 100]);
            return $"{Microseconds(without)} | {Microseconds(with)} | {(double)with / without:F3}";
        }

        static string Microseconds(long ticks) => $"{ticks * 1e6 / Stopwatch.Frequency:F1} us";
    }
}
