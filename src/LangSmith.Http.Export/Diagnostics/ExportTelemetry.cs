using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Queue;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>The exporter's part of the library's meter.</summary>
internal static class ExportTelemetry
{
    private static readonly Counter<long> Posted = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.posted", "{operation}", "Starts and ends of runs that LangSmith has.");

    private static readonly Counter<long> Dropped = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.dropped", "{operation}", "Starts and ends of runs that did not get to LangSmith (tag: reason).");

    private static readonly Counter<long> Recovered = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.recovered", "{operation}", "Starts of runs that were dropped, but came with the run's end; what is lost is dropped less these.");

    private static readonly Counter<long> Retries = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.export.retries", "{request}", "Requests that were tried again.");

    private static readonly Histogram<double> Latency = Telemetry.Meter.CreateHistogram<double>(
        "langsmith.http.export.duration", "s", "How long batches took, every attempt included (tag: result).");

    private static readonly Histogram<long> BatchSize = Telemetry.Meter.CreateHistogram<long>(
        "langsmith.http.export.batch_size", "{operation}", "Starts and ends of runs in one batch; both of a run are one.");

    // Those of all exporters that are alive: one instrument has one value.
    private static readonly ConditionalWeakTable<RunQueue, object?> Queues = [];

    static ExportTelemetry()
    {
        Telemetry.Meter.CreateObservableUpDownCounter(
            "langsmith.http.export.queue.operations", static () => Queues.Sum(static pair => (long)pair.Key.Count), "{operation}", "Starts and ends of runs that wait or are on their way; both of a run are one while both wait.");
        Telemetry.Meter.CreateObservableUpDownCounter(
            "langsmith.http.export.queue.bytes", static () => Queues.Sum(static pair => pair.Key.Bytes), "By", "About how many bytes they are.");
    }

    /// <summary>Makes a queue's length and bytes measured, as long as it lives.</summary>
    internal static void Track(RunQueue queue) => Queues.AddOrUpdate(queue, null);

    internal static void CountPosted(int operations, int recovered) => Guard(() =>
    {
        Posted.Add(operations);
        if (recovered > 0)
            Recovered.Add(recovered);
    });

    internal static void CountDropped(SendResult reason, int operations) =>
        Guard(() => Dropped.Add(operations, new KeyValuePair<string, object?>("reason", Name(reason))));

    internal static void CountRetry() => Guard(static () => Retries.Add(1));

    internal static void Measure(SendResult result, int operations, TimeSpan duration) => Guard(() =>
    {
        BatchSize.Record(operations);
        Latency.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("result", Name(result)));
    });

    internal static string Name(SendResult reason) => reason switch
    {
        SendResult.Sent => "sent",
        SendResult.Refused => "refused",
        SendResult.Unauthorized => "unauthorized",
        SendResult.Forbidden => "forbidden",
        SendResult.NoMultipart => "no_multipart",
        SendResult.RetriesExhausted => "retries_exhausted",
        SendResult.Shutdown => "shutdown",
        SendResult.Off => "off",
        SendResult.QueueFull => "queue_full",
        SendResult.TooLarge => "too_large",
        SendResult.Invalid => "invalid",
        SendResult.Rejected => "rejected",
        SendResult.Failed => "failed",
        _ => throw new UnreachableException(),
    };

    private static void Guard(Action count)
    {
        try
        {
            count();
        }
        catch (Exception)
        {
            // A listener's callback threw: counting is not worth a batch.
        }
    }
}
