using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Export;

/// <summary>An exporter whose clock the test moves, with what it logs and counts, and a tracer for it.</summary>
internal sealed class ExportBed : IAsyncDisposable
{
    internal const string Key = "lsv2_secret_of_the_test";

    private readonly LogLines _log = new();
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _dropped = [];
    private long _posted;
    private long _recovered;

    internal ExportBed(Uri endpoint, Action<LangSmithExportOptions>? configure = null, HttpMessageHandler? handler = null, ILogger<LangSmithExporter>? logger = null)
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Name is "langsmith.http.export.dropped" or "langsmith.http.export.posted" or "langsmith.http.export.recovered")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            lock (_dropped)
            {
                if (instrument.Name == "langsmith.http.export.posted")
                    _posted += value;
                else if (instrument.Name == "langsmith.http.export.recovered")
                    _recovered += value;
                else
                    _dropped[(string)tags[0].Value!] = _dropped.GetValueOrDefault((string)tags[0].Value!) + value;
            }
        });
        _listener.Start();
        // Long, so that a slow machine is no fault: the clock runs fifty times as fast as it.
        var options = new LangSmithExportOptions
        {
            Endpoint = endpoint.ToString(),
            ApiKey = Key,
            RequestTimeout = TimeSpan.FromMinutes(5),
            MaxRetryTime = TimeSpan.FromHours(1),
            ShutdownTimeout = TimeSpan.FromMinutes(10),
        };
        configure?.Invoke(options);
        Exporter = new LangSmithExporter(options, handler, Time, logger ?? new Logger<LangSmithExporter>(new LoggerFactory([_log])));
        Tracer = new LangSmithTracer(Exporter, new LangSmithOptions { Tracing = true, Project = "p" });
    }

    internal FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    internal LangSmithExporter Exporter { get; }

    internal LangSmithTracer Tracer { get; }

    internal string[] Log => [.. _log.Ours.Select(static line => $"{line.Event.Name}: {line.Text}{line.Exception}")];

    internal string[] DropLines => [.. Log.Where(static line => line.StartsWith("Dropped: ", StringComparison.Ordinal))];

    /// <summary>By reason, as the meter has it.</summary>
    internal IReadOnlyDictionary<string, long> Dropped
    {
        get
        {
            lock (_dropped)
                return new Dictionary<string, long>(_dropped);
        }
    }

    internal long Posted
    {
        get
        {
            lock (_dropped)
                return _posted;
        }
    }

    internal long Recovered
    {
        get
        {
            lock (_dropped)
                return _recovered;
        }
    }

    /// <summary>Moves the clock until something is done.</summary>
    internal async Task<T> PumpAsync<T>(Task<T> task)
    {
        await PumpUntilAsync(() => task.IsCompleted);
        return await task;
    }

    /// <summary>Moves the clock until something is so.</summary>
    internal async Task PumpUntilAsync(Func<bool> isSo)
    {
        using var giveUp = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!isSo())
        {
            Time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Delay(5, giveUp.Token);
        }
    }

    internal Task<bool> FlushAsync() => PumpAsync(Exporter.FlushAsync(Timeout.InfiniteTimeSpan));

    internal Task StopAsync() => PumpAsync(Stopping());

    /// <summary>A root and children, each with inputs and outputs that name it.</summary>
    internal void Trace(string name, int children)
    {
        using var root = Tracer.StartRun(name, new { q = name });
        for (var i = 0; i < children; i++)
        {
            using var child = Tracer.StartRun($"{name}.{i}", new { q = $"{name}.{i}" });
            child.Run.End(new { a = $"{name}.{i}" });
        }

        root.Run.End(new { a = name });
    }

    /// <summary>Everything that was given to the queue is out of it, and nothing was dropped.</summary>
    internal void AssertAllPosted(int operations)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Exporter.DroppedOperations, Is.Zero, string.Join('\n', Log));
            Assert.That(Exporter.PostedOperations, Is.EqualTo(operations));
            Assert.That(Posted, Is.EqualTo(operations), "the meter");
            Assert.That(Exporter.QueuedOperations, Is.Zero);
            Assert.That(Exporter.QueuedBytes, Is.Zero);
        }
    }

    /// <summary>What the collector has is whole: every run once, ended, with what it was given.</summary>
    internal static void AssertComplete(LangSmithCollector collector, int runs)
    {
        collector.AssertNoProblems();
        var all = collector.Traces.SelectMany(static trace => trace.Runs).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(all, Has.Count.EqualTo(runs));
            Assert.That(all.Select(static run => run.Id), Is.Unique);
            Assert.That(all.Where(static run => run.EndTime is null), Is.Empty);
            foreach (var run in all)
            {
                Assert.That(run.Inputs?.GetRawText(), Is.EqualTo($$"""{"q":"{{run.Name}}"}"""));
                Assert.That(run.Outputs?.GetRawText(), Is.EqualTo($$"""{"a":"{{run.Name}}"}"""));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _listener.Dispose();
        Assert.That(Log.Where(static line => line.Contains(Key, StringComparison.Ordinal)), Is.Empty, "the key is in no log");
    }

    private async Task<bool> Stopping()
    {
        await Exporter.DisposeAsync();
        return true;
    }
}
