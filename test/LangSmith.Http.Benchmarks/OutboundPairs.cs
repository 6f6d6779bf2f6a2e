using System.Diagnostics;
using System.Globalization;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The handler's budgets, each next to its peer. Each row is measured once in each of the processes, and its two sides in slices that
/// take turns in random order. For <c>dotnet run -c Release -- outbound [processes]</c>, which takes about four minutes.
/// </summary>
internal static class OutboundPairs
{
    private const int Processes = 12;
    private const int Slices = 30;

    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(5);

    private static readonly Row[] Rows =
    [
        Handler("no current run, next to no handler", static b => b.SetUpNoHandler(), static b => b.NoHandler(),
            static b => b.SetUpNoRun(), static b => b.NoRun(), "+ 8 ns, 0 B"),
        Handler("redirects off, next to two TryAddWithoutValidation", static b => b.SetUpNoHandler(), static b => b.Floor(),
            static b => b.SetUpCurrentRun(), static b => b.CurrentRun(), "1.2 x, 0 B"),
        Handler("... the response comes later", static b => b.SetUpFloorPending(), static b => b.FloorPending(),
            static b => b.SetUpCurrentRunPending(), static b => b.CurrentRunPending(), "+ 200 B"),
        Row.Of<TrackedHandlerBenchmarks>("redirects on, next to two TryAddWithoutValidation", static b => b.SetUpFloor(),
            static b => b.Floor(), static b => b.SetUpTracked(), static b => b.Tracked(), "2 x, 240 B"),
        Handler("redirects off, next to OpenTelemetry's composite", static b => b.SetUpOpenTelemetry(),
            static b => b.OpenTelemetryComposite(), static b => b.SetUpCurrentRun(), static b => b.CurrentRun(), "0.30 x"),
        Handler("(two TryAddWithoutValidation, next to the same)", static b => b.SetUpOpenTelemetry(),
            static b => b.OpenTelemetryComposite(), static b => b.SetUpNoHandler(), static b => b.Floor(), ""),
        Connection("a connection, redirects on, no activity", static b => b.SetUpFloor(), static b => b.Floor(),
            static b => b.SetUpHandler(), static b => b.Handler()),
        Connection("... an activity", static b => b.SetUpFloorUnderActivity(), static b => b.FloorUnderActivity(),
            static b => b.SetUpHandlerUnderActivity(), static b => b.HandlerUnderActivity()),
        Connection("... an activity with baggage", static b => b.SetUpFloorUnderActivityWithBaggage(),
            static b => b.FloorUnderActivityWithBaggage(),
            static b => b.SetUpHandlerUnderActivityWithBaggage(), static b => b.HandlerUnderActivityWithBaggage()),
        Connection("... and one redirect", static b => b.SetUpFloorUnderActivityWithBaggage(), static b => b.FloorRedirected(),
            static b => b.SetUpHandlerUnderActivityWithBaggage(), static b => b.HandlerRedirected()),
        Row.Of<ConnectionBenchmarks>("a hop's propagator, an activity", static b => b.SetUpFloorHop(), static b => b.FloorHop(),
            static b => b.SetUpHop(), static b => b.Hop(), ""),
        Row.Of<ConnectionBenchmarks>("a hop's propagator, an activity with baggage", static b => b.SetUpFloorHopWithBaggage(),
            static b => b.FloorHopWithBaggage(), static b => b.SetUpHopWithBaggage(), static b => b.HopWithBaggage(), ""),
    ];

    internal static void Run(string[] args)
    {
        switch (args)
        {
            case ["child"]:
                MeasureRows();
                return;
            case ["other", var listener, var sendsTracked]:
                MeasureClientWithoutUs(listener, bool.Parse(sendsTracked));
                return;
        }

        var processes = args is [var given] ? int.Parse(given, CultureInfo.InvariantCulture) : Processes;
        var results = new Dictionary<string, List<Pair>>();
        var others = ClientWithoutUs.Listeners
            .SelectMany(static listener => new[] { (listener, false), (listener, true) })
            .ToArray();
        for (var i = 0; i < processes; i++)
        {
            RunChild(results, "child");
            Random.Shared.Shuffle(others);
            foreach (var (listener, sendsTracked) in others)
                RunChild(results, "other", listener, sendsTracked.ToString());
        }

        Console.WriteLine("| | without | with | ratio of means | p50 of ratios | more (p50) | more | budget |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var row in Rows)
            Print(row.Name, row.Budget, results);
        foreach (var listener in ClientWithoutUs.Listeners)
        {
            Print(NameOf(listener, sendsTracked: true), "+ 20 ns, 0 B", results);
            Print(NameOf(listener, sendsTracked: false), "", results);
        }
    }

    private static Row Handler(
        string name, Action<HandlerBenchmarks> setUpWithout, Func<HandlerBenchmarks, Task> without,
        Action<HandlerBenchmarks> setUpWith, Func<HandlerBenchmarks, Task> with, string budget) =>
        Row.Of(name, setUpWithout, b => without(b).GetAwaiter().GetResult(), setUpWith, b => with(b).GetAwaiter().GetResult(), budget);

    private static Row Connection(
        string name, Action<ConnectionBenchmarks> setUpWithout, Func<ConnectionBenchmarks, Task> without,
        Action<ConnectionBenchmarks> setUpWith, Func<ConnectionBenchmarks, Task> with) =>
        Row.Of(name, setUpWithout, b => without(b).GetAwaiter().GetResult(), setUpWith, b => with(b).GetAwaiter().GetResult(), "");

    private static string NameOf(string listener, bool sendsTracked) =>
        $"{(sendsTracked ? "a client without the handler, after a tracked request" : "(... after nothing)")}; {listener}";

    private static void MeasureRows()
    {
        Compile(static () =>
        {
            foreach (var row in Rows)
            {
                row.SetUp(false).Run(WarmUp);
                row.SetUp(true).Run(WarmUp);
            }
        });
        Random.Shared.Shuffle(Rows);
        foreach (var row in Rows)
            Report(row.Name, Measure(row.SetUp(false), row.SetUp(true)));
    }

    // One client, before and after the request of another one; or without that request, which shows how far the two differ anyway.
    private static void MeasureClientWithoutUs(string listener, bool sendsTracked)
    {
        using var client = new ClientWithoutUs(listener);
        var side = Side.SetUp(() => () => client.Send().GetAwaiter().GetResult());
        Compile(() => side.Run(2 * WarmUp));
        side.Run(WarmUp);
        var without = MeasureOne(side);
        if (sendsTracked)
            ClientWithoutUs.SendTracked(listener);
        side.Run(WarmUp);
        Report(NameOf(listener, sendsTracked), new Pair(without, MeasureOne(side)));
    }

    // The runtime compiles a method anew 100 ms after it has last met new ones: with counters first, then for good.
    private static void Compile(Action action)
    {
        for (var i = 0; i < 3; i++)
        {
            action();
            Thread.Sleep(200);
        }
    }

    // In slices that take turns in random order, so that what else the machine does meets both sides.
    private static Pair Measure(Side without, Side with)
    {
        without.Run(WarmUp);
        with.Run(WarmUp);
        var slices = Enumerable.Range(0, 2 * Slices).Select(static i => i % 2 == 1).ToArray();
        Random.Shared.Shuffle(slices);
        var measured = slices.Select(isWith => (IsWith: isWith, Slice: (isWith ? with : without).Run(Slice))).ToList();
        return new Pair(Summarize(false), Summarize(true));

        Measurement Summarize(bool isWith) =>
            Measurement.Of([.. measured.Where(item => item.IsWith == isWith).Select(static item => item.Slice)]);
    }

    private static Measurement MeasureOne(Side side) => Measurement.Of([.. Enumerable.Range(0, Slices).Select(_ => side.Run(Slice))]);

    private static void Report(string name, Pair pair) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{name}|{pair.Without.Nanoseconds}|{pair.Without.Bytes}|{pair.With.Nanoseconds}|{pair.With.Bytes}"));

    private static void RunChild(Dictionary<string, List<Pair>> results, params string[] args)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
            start.ArgumentList.Add(typeof(OutboundPairs).Assembly.Location);
        foreach (var arg in args.Prepend("outbound"))
            start.ArgumentList.Add(arg);
        using var process = Process.Start(start)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            var parts = line.Split('|');
            var numbers = Array.ConvertAll(parts[1..], static number => double.Parse(number, CultureInfo.InvariantCulture));
            if (!results.TryGetValue(parts[0], out var pairs))
                results.Add(parts[0], pairs = []);
            pairs.Add(new Pair(new Measurement(numbers[0], numbers[1]), new Measurement(numbers[2], numbers[3])));
        }

        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"outbound {string.Join(' ', args)} ended with {process.ExitCode}");
    }

    private static void Print(string name, string budget, Dictionary<string, List<Pair>> results)
    {
        var pairs = results[name];
        var without = Median(pairs.Select(static pair => pair.Without.Nanoseconds));
        var with = Median(pairs.Select(static pair => pair.With.Nanoseconds));
        var ratioOfMeans = pairs.Average(static pair => pair.With.Nanoseconds) / pairs.Average(static pair => pair.Without.Nanoseconds);
        var ratio = Median(pairs.Select(static pair => pair.With.Nanoseconds / pair.Without.Nanoseconds));
        var more = Median(pairs.Select(static pair => pair.With.Nanoseconds - pair.Without.Nanoseconds));
        var bytes = Median(pairs.Select(static pair => pair.With.Bytes - pair.Without.Bytes));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {name} | {without:F1} ns | {with:F1} ns | {ratioOfMeans:F2} | {ratio:F2} | {more:F1} ns | {bytes:F0} B | {budget} |"));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    /// <summary>Of one operation: its time on a core of its own, and what it allocates.</summary>
    private sealed record Measurement(double Nanoseconds, double Bytes)
    {
        internal static Measurement Of(IReadOnlyCollection<Measurement> slices) => new(
            Median(slices.Select(static slice => slice.Nanoseconds)),
            Median(slices.Select(static slice => slice.Bytes)));
    }

    private sealed record Pair(Measurement Without, Measurement With);

    /// <summary>An operation and the ambient state it runs in.</summary>
    private sealed record Side(Action Action, ExecutionContext Context)
    {
        // A new thread has no run and no activity until the set-up enters them.
        internal static Side SetUp(Func<Action> setUp)
        {
            Side? side = null;
            var thread = new Thread(() => side = new Side(setUp(), ExecutionContext.Capture()!));
            thread.UnsafeStart();
            thread.Join();
            return side!;
        }

        internal Measurement Run(TimeSpan duration)
        {
            Measurement? measurement = null;
            ExecutionContext.Run(Context, _ => measurement = Repeat(duration), null);
            return measurement!;
        }

        private Measurement Repeat(TimeSpan duration)
        {
            var bytes = GC.GetAllocatedBytesForCurrentThread();
            var start = ThreadTime.Now;
            double count = 0;
            TimeSpan elapsed;
            do
            {
                for (var i = 0; i < 200; i++)
                    Action();
                count += 200;
            }
            while ((elapsed = ThreadTime.Now - start) < duration);

            return new Measurement(elapsed.TotalNanoseconds / count, (GC.GetAllocatedBytesForCurrentThread() - bytes) / count);
        }
    }

    private sealed record Row(string Name, Func<bool, Side> SetUp, string Budget)
    {
        // Each side has an instance of its own.
        internal static Row Of<T>(
            string name, Action<T> setUpWithout, Action<T> without, Action<T> setUpWith, Action<T> with, string budget)
            where T : new()
        {
            return new Row(name, isWith => Side.SetUp(() => SetUp(isWith)), budget);

            Action SetUp(bool isWith)
            {
                var benchmarks = new T();
                (isWith ? setUpWith : setUpWithout)(benchmarks);
                var action = isWith ? with : without;
                return () => action(benchmarks);
            }
        }
    }
}
