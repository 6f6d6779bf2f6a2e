using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>The exporter's instruments on the library's meter.</summary>
internal static class ExportTelemetry
{
    private static readonly Counter<long> Posted = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.posted", "{operation}", "Starts and ends of runs that LangSmith has.");

    private static readonly ReasonCounter<DropReason> Dropped = new(
        "langsmith.http.export.dropped", "{operation}", "Starts and ends of runs that did not get to LangSmith (tag: reason).");

    private static readonly Counter<long> Recovered = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.recovered",
        "{operation}",
        "Starts of runs that were dropped, but came with the run's end. The loss is dropped less these.");

    private static readonly Counter<long> Retries = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.retries", "{request}", "Requests that were tried again.");

    private static readonly Histogram<double> Latency = Telemetry.Meter.CreateHistogram<double>(
        "langsmith.http.export.duration", "s", "How long batches took, every attempt included (tag: result).");

    private static readonly Histogram<long> BatchSize = Telemetry.Meter.CreateHistogram<long>(
        "langsmith.http.export.batch_size", "{operation}", "Starts and ends of runs in one batch; both of a run are one.");

    // An instrument has one value, the sum over all living exporters.
    private static readonly ConditionalWeakTable<QueueSize, object?> Queues = [];

    static ExportTelemetry()
    {
        Telemetry.Meter.CreateObservableUpDownCounter(
            "langsmith.http.export.queue.operations",
            static () => Queues.Sum(static pair => (long)pair.Key.Operations),
            "{operation}",
            "Starts and ends of runs that wait or are on their way; both of a run are one while both wait.");
        Telemetry.Meter.CreateObservableUpDownCounter(
            "langsmith.http.export.queue.bytes",
            static () => Queues.Sum(static pair => pair.Key.Bytes),
            "By",
            "About how many bytes they are.");
    }

    /// <summary>Adds a queue to the gauges for as long as its size is referenced elsewhere.</summary>
    internal static void Track(QueueSize queue) => Queues.AddOrUpdate(queue, null);

    internal static void CountPosted(long operations, long recovered) => NeverThrow.Run((operations, recovered), static count =>
    {
        Posted.Add(count.operations);
        if (count.recovered > 0)
            Recovered.Add(count.recovered);
    });

    internal static void CountDropped(DropReason reason, long operations) => Dropped.Add(reason, operations);

    internal static void CountRetry() => NeverThrow.Run(Retries, static retries => retries.Add(1));

    /// <summary>Measures a batch; <paramref name="failure"/> is null if all of it was sent.</summary>
    internal static void Measure(DropReason? failure, int operations, TimeSpan duration) => NeverThrow.Run(
        (failure, operations, duration),
        static batch =>
        {
            BatchSize.Record(batch.operations);
            var result = batch.failure is { } reason ? Name(reason) : "sent";
            Latency.Record(batch.duration.TotalSeconds, new KeyValuePair<string, object?>("result", result));
        });

    internal static string Name(DropReason reason) => ReasonCounter<DropReason>.Name(reason);
}
