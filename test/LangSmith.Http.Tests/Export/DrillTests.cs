using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using LangSmith.Http.LoadProcess;

namespace LangSmith.Http.Tests.Export;

/// <summary>
/// What the exporter does to an application under load, which is a process of its own (LangSmith.Http.LoadProcess), and to
/// its runs. <c>LANGSMITH_HTTP_LONG=1</c> makes it a million runs, and an outage of a minute.
/// </summary>
public sealed class DrillTests
{
    // The queue's 128 MiB, as much again that the collector leaves lie until it runs, and what code, threads, and the bodies
    // of four batches take.
    private const long MaxMoreMemory = 400_000_000;

    private static readonly long MaxQueuedBytes = new LangSmithExportOptions().MaxQueuedBytes;

    // The process under load is one framework's: once is enough.
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("LANGSMITH_HTTP_LONG") == "1" && Environment.Version.Major >= 10;

    [Test]
    public async Task Load_WithAHealthyServer_IsStoredOnceAndUnchanged()
    {
        await using var collector = await StartCollectorAsync();
        var posts = 0;
        collector.Fault = request =>
        {
            Interlocked.Add(ref posts, request.Method == "POST" ? 1 : 0);
            return null;
        };
        // A machine that is too slow for the rate makes the load slower, and no run lost: what the bound does is drilled below.
        using var load = Load.Start(collector.Endpoint, IsLong ? 1_000_000 : 20_000, rate: 8000, $"--hold={MaxQueuedBytes / 2}");

        var report = await load.ReportAsync();

        using (Assert.EnterMultipleScope())
        {
            AssertNothingIsLost(collector, report);
            Assert.That(posts, Is.EqualTo(report.Meter["batches"]), "each batch is sent once");
        }
    }

    [Test]
    public async Task Outage_WithinTheBounds_LosesNothing()
    {
        await using var collector = await StartCollectorAsync();
        // An outage that fits: with the time until the last hanging request is given up, 30,000 runs of about 4 KB.
        using var load = Load.Start(collector.Endpoint, IsLong ? 33_000 : 1750, rate: IsLong ? 330 : 500, RequestTimeout);
        await OutageAsync(collector, load, after: IsLong ? 6_600 : 250);

        var report = await load.ReportAsync();

        using (Assert.EnterMultipleScope())
        {
            AssertNothingIsLost(collector, report);
            Assert.That(report.Meter["retries"], Is.Positive);
        }
    }

    // A small bound, and the default: that is how much memory an outage takes at most.
    [TestCase("MaxQueuedOperations", 300, 5000)]
    [TestCase("MaxQueuedBytes", 700_000, 128 << 20)]
    public async Task Outage_OverTheBound_LosesWhatItCounts(string option, int small, int large)
    {
        var bound = IsLong ? large : small;
        await using var collector = await StartCollectorAsync();
        using var load = Load.Start(
            collector.Endpoint, IsLong ? 200_000 : 3500, rate: IsLong ? 2000 : 1000, RequestTimeout, $"--LangSmith:{option}={bound}");
        await OutageAsync(collector, load, after: IsLong ? 40_000 : 500);

        var report = await load.ReportAsync();

        var (lost, wrong) = Compare(collector, report.Runs);
        await TestContext.Out.WriteLineAsync($"lost, as the collector sees it: {lost:N0}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(wrong, Is.Empty);
            Assert.That(lost, Is.EqualTo(report.Dropped).And.Positive);
            Assert.That(report.Posted, Is.EqualTo((2 * report.Runs) - lost));
            Assert.That(report.Meter["dropped queue_full"] - report.Meter.GetValueOrDefault("recovered"), Is.EqualTo(report.Dropped));
            Assert.That(option == "MaxQueuedBytes" ? report.PeakQueuedBytes : report.PeakQueuedOperations, Is.LessThanOrEqualTo(bound));
            AssertCalm(report, "Dropped queue_full");
        }
    }

    [Test]
    public async Task Shutdown_WithoutAServer_LosesEverythingAndCountsIt()
    {
        Uri gone;
        await using (var collector = await LangSmithCollector.StartAsync())
            gone = collector.Endpoint;
        using var load = Load.Start(gone, 1000, rate: 10_000, $"--LangSmith:ShutdownTimeout=00:00:{(IsLong ? 10 : 1)}", "--flush=0");

        var report = await load.ReportAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((report.Posted, report.Dropped, report.Meter["dropped shutdown"]), Is.EqualTo((0, 2000, 2000)));
            AssertCalm(report, "Dropped shutdown");
        }
    }

    private static string RequestTimeout => $"--LangSmith:RequestTimeout=00:00:{(IsLong ? 30 : 1)}";

    // A million runs are about 2 GB.
    private static Task<LangSmithCollector> StartCollectorAsync() => LangSmithCollector.StartAsync(static options => (options.MaxRuns, options.MaxBytes) = (1_000_000, 8L << 30));

    /// <summary>Half of it LangSmith is there and says that it is not; half of it nothing comes back.</summary>
    private static async Task OutageAsync(LangSmithCollector collector, Load load, int after)
    {
        await collector.WaitForRunsAsync(after, TimeSpan.FromMinutes(5));
        var half = TimeSpan.FromSeconds(IsLong ? 30 : 1);
        foreach (var faults in (CollectorFault[][])[[CollectorFault.Status(503)], [CollectorFault.Delay(Timeout.InfiniteTimeSpan), CollectorFault.ResetMidBody()]])
        {
            var requests = 0;
            collector.Fault = _ => faults[Interlocked.Increment(ref requests) % faults.Length];
            var watch = Stopwatch.StartNew();
            // Each of them at least once.
            while ((watch.Elapsed < half || Volatile.Read(ref requests) < faults.Length) && !load.HasExited)
                await Task.Delay(20);
            await TestContext.Out.WriteLineAsync($"{requests} requests failed in {watch.Elapsed.TotalSeconds:N0} s of {string.Join(", ", faults.Select(static fault => fault.Kind))}");
        }

        var back = Stopwatch.StartNew();
        collector.Fault = null;
        // On a machine that is slower than the load it may be over already.
        if (!load.HasExited)
            await collector.WaitForRunsAsync(collector.Store.EndedCount + 1, TimeSpan.FromMinutes(5));
        await TestContext.Out.WriteLineAsync($"the first run arrives {back.Elapsed.TotalSeconds:N1} s after the outage");
    }

    private static void AssertNothingIsLost(LangSmithCollector collector, LoadReport report)
    {
        var (lost, wrong) = Compare(collector, report.Runs);
        Assert.That(wrong, Is.Empty);
        Assert.That((lost, report.Dropped, report.Posted), Is.EqualTo((0, 0, 2 * report.Runs)));
        AssertCalm(report, lines: null);
    }

    /// <summary>What the application notices: memory within bounds, and a line a minute, one more when it stops, if any.</summary>
    private static void AssertCalm(LoadReport report, string? lines)
    {
        Assert.That(report.IsFlushed, Is.EqualTo(lines != "Dropped shutdown"));
        Assert.That(report.PeakQueuedBytes, Is.LessThanOrEqualTo(MaxQueuedBytes));
        Assert.That(report.PeakBytes - report.IdleBytes, Is.LessThan(MaxMoreMemory));
        Assert.That(report.LogLines.Keys.Except(["Unreachable"]), Is.EquivalentTo(lines is null ? [] : new[] { lines }));
        Assert.That(report.LogLines.Values, Has.All.LessThanOrEqualTo(2 + (report.Seconds / 60)));
    }

    /// <summary>How many starts and ends of runs are not in the collector, and what there is otherwise than it was sent.</summary>
    private static (long Lost, IReadOnlyList<string> Wrong) Compare(LangSmithCollector collector, int runs)
    {
        var stored = new int[runs];
        var wrong = new List<string>();
        foreach (var summary in collector.Store.Summaries())
        {
            var trace = collector.Store.Trace(summary.Id)!;
            var ids = new Dictionary<int, CollectedRun>();
            foreach (var run in trace.Runs)
            {
                // In the order of the tree: the parent was here before, if it was stored.
                var number = LoadRun.Number(run.Name);
                // An end that found no room is replaced by one that says so.
                var isEnded = run is { EndTime: not null, Error: null };
                if (run.Error is { } error && error != "The run ended, but its end was dropped: the exporter's queue was full.")
                    wrong.Add($"{run} failed: {error}");
                var parent = LoadRun.Parent(number) is { } parentNumber ? ids.GetValueOrDefault(parentNumber) : null;
                ids[number] = run;
                if (Interlocked.Exchange(ref stored[number], isEnded ? 2 : 1) != 0)
                    wrong.Add($"{run} is there twice");
                var (sent, said) = (LoadRun.Describe(number, isEnded), LoadRun.Describe(run.Name, run.Inputs, run.Outputs, run.Metadata, run.Tags));
                if (said != sent)
                    wrong.Add($"{run} is {said} and not {sent}");
                if (!IsInItsPlace(run, number, parent))
                    wrong.Add($"{run} with the parent {run.ParentRunId} and the dotted order {run.DottedOrder} is not below {parent}");
            }

            // Where a run was lost, that is what is wrong with its trace.
            wrong.AddRange(trace.Problems.Where(static problem => problem.Code != "parent_missing").Select(static problem => problem.ToString()));
        }

        if (collector.Store.ProblemCount - collector.Store.Summaries().Sum(static summary => summary.ProblemCount) is not 0 and var refused)
            wrong.Add($"{refused} refusals, such as {collector.Problems[0]}");
        return (stored.Sum(static operations => 2L - operations), [.. wrong.Take(10)]);
    }

    private static bool IsInItsPlace(CollectedRun run, int number, CollectedRun? parent)
    {
        var segment = string.Create(CultureInfo.InvariantCulture, $"{run.StartTime.UtcDateTime:yyyyMMdd'T'HHmmssffffff'Z'}{run.Id}");
        return LoadRun.Parent(number) is null ? run.ParentRunId is null && run.TraceId == run.Id && run.DottedOrder == segment
            : parent is null ? run.ParentRunId is not null && run.DottedOrder.EndsWith($".{segment}", StringComparison.Ordinal)
            : run.ParentRunId == parent.Id && run.TraceId == parent.TraceId && run.DottedOrder == $"{parent.DottedOrder}.{segment}";
    }

    /// <summary>The process under load.</summary>
    private sealed class Load : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _errors;

        private Load(ProcessStartInfo start)
        {
            _process = Process.Start(start)!;
            _errors = _process.StandardError.ReadToEndAsync();
        }

        public bool HasExited => _process.HasExited;

        public static Load Start(Uri endpoint, int runs, int rate, params string[] options)
        {
            var configuration = typeof(DrillTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
            var start = new ProcessStartInfo(
                Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
                [
                    Repository.PathTo($"test/LangSmith.Http.LoadProcess/bin/{configuration}/net10.0/LangSmith.Http.LoadProcess.dll"),
                    $"--runs={runs}", $"--rate={rate}", $"--LangSmith:Endpoint={endpoint}", "--LangSmith:ApiKey=key", .. options,
                ])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (var name in start.Environment.Keys.Where(static name => name.StartsWith("LANGSMITH_", StringComparison.Ordinal) || name.StartsWith("LANGCHAIN_", StringComparison.Ordinal)).ToList())
                start.Environment.Remove(name);
            return new Load(start);
        }

        public async Task<LoadReport> ReportAsync()
        {
            using var giveUp = new CancellationTokenSource(TimeSpan.FromMinutes(20));
            var printed = await _process.StandardOutput.ReadToEndAsync(giveUp.Token);
            await _process.WaitForExitAsync(giveUp.Token);
            Assert.That(_process.ExitCode, Is.Zero, await _errors);
            var report = JsonSerializer.Deserialize<LoadReport>(printed)!;
            await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{report.Runs:N0} runs in {report.Seconds:N0} s: {report.Posted:N0} operations posted, {report.Dropped:N0} dropped; at most {report.PeakQueuedOperations:N0} queued, {report.PeakQueuedBytes:N0} bytes; "
                + $"resident {report.IdleBytes:N0} bytes before and at most {report.PeakBytes:N0}, heap at most {report.PeakHeapBytes:N0}; "
                + $"{string.Join(", ", report.Meter.Select(static pair => $"{pair.Key}: {pair.Value:N0}"))}; {string.Join(", ", report.LogLines.Select(static pair => $"{pair.Value} lines of {pair.Key}"))}"));
            return report;
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill();
            _process.Dispose();
        }
    }
}
