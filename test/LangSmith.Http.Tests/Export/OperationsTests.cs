using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Export;

/// <summary>What an operator sees.</summary>
[NonParallelizable] // The meter is the process's.
public sealed class OperationsTests
{
    [Test]
    public async Task Health_WhileRunsArrive_IsHealthy()
    {
        await using var server = await IngestServer.StartAsync();
        await using var provider = Provider(server.Endpoint, TimeProvider.System);
        Assert.That((await CheckAsync(provider)).Status, Is.EqualTo(HealthStatus.Healthy), "before the first");
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30));

        var entry = await CheckAsync(provider);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((entry.Status, entry.Description), Is.EqualTo((HealthStatus.Healthy, "Runs get to LangSmith.")));
            Assert.That(entry.Data, Is.EqualTo(new Dictionary<string, object> { ["queued_operations"] = 0, ["queued_bytes"] = 0L, ["posted_operations"] = 2L, ["dropped_operations"] = 0L }));
        }
    }

    [Test]
    public async Task Health_AfterADrop_IsDegradedForAMinute()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var server = await IngestServer.StartAsync(status: 403);
        await using var provider = Provider(server.Endpoint, time);
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30));

        var entry = await CheckAsync(provider);
        Assert.That((entry.Status, entry.Description), Is.EqualTo((HealthStatus.Degraded, "Runs were dropped within the last minute: forbidden. The API key may not write there (403). "
            + "Check the region in LANGSMITH_ENDPOINT (the EU has an address of its own), LANGSMITH_WORKSPACE_ID if the key is an organization's, and the key's permissions. The last answer was: 403 {}")));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.That((await CheckAsync(provider)).Status, Is.EqualTo(HealthStatus.Healthy));
    }

    [Test]
    public async Task Health_WithTheQueueMoreThanHalfFull_IsDegraded()
    {
        await using var provider = Provider("http://127.0.0.1:1", TimeProvider.System, static options => (options.MaxQueuedOperations, options.FlushInterval, options.ShutdownTimeout) = (10, TimeSpan.FromMinutes(1), TimeSpan.Zero));
        var tracer = provider.GetRequiredService<LangSmithTracer>();
        for (var i = 0; i < 5; i++)
            tracer.StartRun("run").Dispose();
        Assert.That((await CheckAsync(provider)).Status, Is.EqualTo(HealthStatus.Healthy));
        tracer.StartRun("run").Dispose();
        var entry = await CheckAsync(provider);
        Assert.That((entry.Status, entry.Description), Is.EqualTo((HealthStatus.Degraded, "The queue is more than half full: LangSmith is slow, or gone.")));
    }

    [Test]
    public async Task Outage_IsSaidOnceAMinute_AndHealthIsDegradedUntilItIsOver()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Status(503);
        await using var bed = new ExportBed(collector.Endpoint);
        var health = new ExportHealthCheck(bed.Exporter);
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Healthy, "No runs were posted yet.")));
        bed.Trace("t", 0);
        await bed.PumpUntilAsync(() => Lines("Retry: ") >= 1);
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Healthy, "No runs were posted yet.")), "one that fails is no outage");

        await bed.PumpUntilAsync(() => Lines("Retry: ") >= 3);
        var degraded = (HealthStatus.Degraded, "LangSmith is unreachable or busy: 503 {\"error\":\"A fault that was asked for.\"}");
        Assert.That(await CheckAsync(), Is.EqualTo(degraded));
        var said = bed.Time.GetUtcNow();
        await bed.PumpUntilAsync(() => Lines("Retry: ") >= 6);
        Assert.That(bed.Log, Has.One.EqualTo("Unreachable: LangSmith is unreachable or busy (503 {\"error\":\"A fault that was asked for.\"}). Runs wait in the queue and are sent again."));
        Assert.That(Lines("Reachable: "), Is.Zero);

        collector.Fault = null;
        await bed.FlushAsync();
        Assert.That(await CheckAsync(), Is.EqualTo((HealthStatus.Healthy, "Runs get to LangSmith.")));
        Assert.That(bed.Log, Has.One.EqualTo("Reachable: LangSmith is reachable again."));

        // The next one is within the minute: health knows, and the log is told when the minute is over.
        collector.Fault = static _ => CollectorFault.Status(503);
        var retries = Lines("Retry: ");
        bed.Trace("u", 0);
        await bed.PumpUntilAsync(() => Lines("Retry: ") >= retries + 3);
        Assert.That(await CheckAsync(), Is.EqualTo(degraded));
        Assert.That(Lines("Unreachable: "), Is.EqualTo(bed.Time.GetUtcNow() - said < TimeSpan.FromMinutes(1) ? 1 : 2));
        await bed.PumpUntilAsync(() => bed.Time.GetUtcNow() - said > TimeSpan.FromMinutes(1.5));
        Assert.That(Lines("Unreachable: "), Is.EqualTo(2));
        collector.Fault = null;
        await bed.FlushAsync();
        Assert.That((Lines("Unreachable: "), Lines("Reachable: ")), Is.EqualTo((2, 2)));
        bed.AssertAllPosted(4);

        int Lines(string start) => bed.Log.Count(line => line.StartsWith(start, StringComparison.Ordinal));

        async Task<(HealthStatus, string?)> CheckAsync()
        {
            var result = await health.CheckHealthAsync(new HealthCheckContext());
            return (result.Status, result.Description);
        }
    }

    [Test]
    public async Task Drop_WhenTheTimeForRetriesIsOver_QuotesTheLastCause()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Status(503);
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxRetryTime = TimeSpan.FromSeconds(20));
        bed.Trace("t", 0);
        await bed.FlushAsync();
        Assert.That(bed.DropLines.Single(), Does.Contain("(retries_exhausted;").And.Contain("The last failure was: 503 {"));
        Assert.That(bed.Exporter.Trouble, Does.StartWith("Runs were dropped within the last minute: retries_exhausted"));
        bed.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.That(bed.Exporter.Trouble, Is.Null, "nothing waits");
    }

    [Test]
    public async Task Meter_SaysWhatWaitsWhatArrivedAndWhatWasLost()
    {
        await using var server = await IngestServer.StartAsync();
        await using var refusing = await IngestServer.StartAsync(status: 401);
        using var meter = new Measurements();
        var (operations, bytes) = meter.Queue();
        await using var waiting = Provider(server.Endpoint, TimeProvider.System, static options => options.FlushInterval = TimeSpan.FromMinutes(1));
        await using var refused = Provider(refusing.Endpoint, TimeProvider.System, static options => options.FlushInterval = TimeSpan.FromMinutes(1));
        for (var i = 0; i < 3; i++)
        {
            waiting.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
            refused.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        }

        var exporter = waiting.GetRequiredService<LangSmithExporter>();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(meter.Queue().Operations - operations, Is.EqualTo(6), "of all exporters");
            Assert.That(meter.Queue().Bytes - bytes, Is.EqualTo(exporter.QueuedBytes + refused.GetRequiredService<LangSmithExporter>().QueuedBytes).And.GreaterThan(6 * 512));
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        await refused.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(meter.Queue(), Is.EqualTo((operations, bytes)));
            Assert.That(meter["langsmith.http.export.posted"], Is.EqualTo(6));
            Assert.That(meter["langsmith.http.export.dropped reason=unauthorized"], Is.EqualTo(6));
            Assert.That(meter["langsmith.http.export.batch_size"], Is.EqualTo(6));
            Assert.That(meter.Counts["langsmith.http.export.batch_size"], Is.EqualTo(2));
            Assert.That(meter.Counts["langsmith.http.export.duration result=sent"], Is.EqualTo(1));
            Assert.That(meter.Counts["langsmith.http.export.duration result=unauthorized"], Is.EqualTo(1));
        }
    }

    private static ServiceProvider Provider(string endpoint, TimeProvider time, Action<LangSmithExportOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton(time);
        services.AddLogging().AddHealthChecks().AddLangSmithExport();
        return services.AddLangSmith(static options => options.Tracing = true).AddLangSmithExport(options =>
        {
            (options.Endpoint, options.ApiKey) = (endpoint, "key");
            configure?.Invoke(options);
        }).BuildServiceProvider();
    }

    private static async Task<HealthReportEntry> CheckAsync(IServiceProvider provider) =>
        (await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["langsmith"];

    private sealed class Measurements : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentDictionary<string, double> _sums = new();

        public Measurements()
        {
            _listener.InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "LangSmith.Http" && instrument.Name.StartsWith("langsmith.http.export.", StringComparison.Ordinal))
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        public ConcurrentDictionary<string, int> Counts { get; } = new();

        public double this[string key] => _sums.GetValueOrDefault(key);

        public (double Operations, double Bytes) Queue()
        {
            _sums.TryRemove("langsmith.http.export.queue.operations", out _);
            _sums.TryRemove("langsmith.http.export.queue.bytes", out _);
            _listener.RecordObservableInstruments();
            return (this["langsmith.http.export.queue.operations"], this["langsmith.http.export.queue.bytes"]);
        }

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var key = instrument.Name + (tags.Length == 0 ? "" : $" {tags[0].Key}={tags[0].Value}");
            _sums.AddOrUpdate(key, value, (_, sum) => sum + value);
            Counts.AddOrUpdate(key, 1, static (_, count) => count + 1);
        }
    }
}
