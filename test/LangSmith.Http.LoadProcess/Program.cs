using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using LangSmith.Http;
using LangSmith.Http.LoadProcess;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// An application under load, in a process whose memory is its own: --runs=… --rate=(runs a second) --hold=(how many bytes
// are queued when it waits) --flush=(how long), and options of the exporter as --LangSmith:…=…
const int Workers = 128;

// It ends with whoever started it.
_ = Task.Factory.StartNew(
    static () =>
    {
        Console.In.ReadToEnd();
        Environment.Exit(1);
    },
    CancellationToken.None,
    TaskCreationOptions.LongRunning,
    TaskScheduler.Default);

var builder = Host.CreateApplicationBuilder(args);
var log = new WarningLog();
builder.Logging.ClearProviders().AddProvider(log);
builder.Services.AddLangSmith(static options => options.Tracing = true).AddLangSmithExport();
using var host = builder.Build();
await host.StartAsync();

var runs = builder.Configuration.GetValue<int>("runs");
var rate = builder.Configuration.GetValue<double>("rate");
var hold = builder.Configuration.GetValue("hold", long.MaxValue);
var flushTimeout = builder.Configuration.GetValue("flush", TimeSpan.FromMinutes(10));
var tracer = host.Services.GetRequiredService<LangSmithTracer>();
var exporter = host.Services.GetRequiredService<LangSmithExporter>();

var meter = new ConcurrentDictionary<string, long>();
using var listener = new MeterListener();
listener.InstrumentPublished = static (instrument, listener) =>
{
    if (instrument.Name.StartsWith("langsmith.http.export.", StringComparison.Ordinal) && !instrument.IsObservable)
        listener.EnableMeasurementEvents(instrument);
};
listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Count($"{instrument.Name["langsmith.http.export.".Length..]}{(tags.Length > 0 ? $" {tags[0].Value}" : "")}", value));
listener.SetMeasurementEventCallback<double>((_, _, _, _) => Count("batches", 1));
listener.Start();

var (peakOperations, peakBytes, peakHeap, idle) = (0, 0L, 0L, PeakWorkingSet());
using var end = new CancellationTokenSource();
var sampling = SampleAsync();
var (next, watch) = (-LoadRun.RunsOfATrace, Stopwatch.StartNew());
await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(WorkAsync)));
var seconds = watch.Elapsed.TotalSeconds;
var isFlushed = await exporter.FlushAsync(flushTimeout);
await host.StopAsync();
await end.CancelAsync();
await sampling;
Console.WriteLine(JsonSerializer.Serialize(new LoadReport
{
    Runs = runs,
    Seconds = seconds,
    IsFlushed = isFlushed,
    Posted = exporter.PostedOperations,
    Dropped = exporter.DroppedOperations,
    PeakQueuedOperations = peakOperations,
    PeakQueuedBytes = peakBytes,
    PeakHeapBytes = peakHeap,
    IdleBytes = idle,
    PeakBytes = PeakWorkingSet(),
    Meter = meter,
    LogLines = log.Lines,
}));

async Task WorkAsync()
{
    while (Interlocked.Add(ref next, LoadRun.RunsOfATrace) is var first && first < runs)
    {
        var early = TimeSpan.FromSeconds(first / rate) - watch.Elapsed;
        if (early > TimeSpan.Zero)
            await Task.Delay(early);
        while (exporter.QueuedBytes > hold)
            await Task.Delay(10);
        // One trace in twenty takes its time: its starts are posted before its ends.
        var pause = first / LoadRun.RunsOfATrace % 20 == 0 ? 200 : 0;
        await RunAsync(first, async () =>
        {
            for (var place = 1; place < LoadRun.RunsOfATrace - 2; place++)
                await RunAsync(first + place, () => Task.Delay(pause));
            await RunAsync(first + LoadRun.RunsOfATrace - 2, () => RunAsync(first + LoadRun.RunsOfATrace - 1, () => Task.Delay(pause)));
        });
    }
}

Task RunAsync(int number, Func<Task> work) => tracer.RunAsync(
    LoadRun.Name(number),
    async run =>
    {
        await work();
        run.AddTags(LoadRun.LateTag);
        return LoadRun.Outputs(number);
    },
    LoadRun.Inputs(number),
    new RunOptions { Metadata = LoadRun.Metadata(number), Tags = LoadRun.Tags(number) });

async Task SampleAsync()
{
    while (!end.IsCancellationRequested)
    {
        peakOperations = Math.Max(peakOperations, exporter.QueuedOperations);
        peakBytes = Math.Max(peakBytes, exporter.QueuedBytes);
        peakHeap = Math.Max(peakHeap, GC.GetTotalMemory(forceFullCollection: false));
        await Task.Delay(5, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}

void Count(string what, long value) => meter.AddOrUpdate(what, value, (_, sum) => sum + value);

// VmHWM where it is Linux.
static long PeakWorkingSet()
{
    using var process = Process.GetCurrentProcess();
    return process.PeakWorkingSet64;
}
