using System.Diagnostics.Metrics;

namespace LangSmith.Http.Diagnostics;

/// <summary>
/// The library's one <see cref="System.Diagnostics.Metrics.Meter"/>. Each room counts its decisions with a reason, so that
/// "why is there no header?" and "what was lost?" have an answer without a debugger. No tag holds a header's value or a
/// payload.
/// </summary>
internal static class Telemetry
{
    internal const string MeterName = "LangSmith.Http";

    internal static readonly Meter Meter = CreateMeter();

    private static readonly ReasonCounter<Fault> Faults = new(
        "langsmith.http.faults", "{fault}", "Things that were ignored, withheld or failed without hurting the call (tag: kind).", "kind");

    private static Meter CreateMeter()
    {
        var meter = new Meter(MeterName, typeof(Telemetry).Assembly.GetName().Version?.ToString(3));
        Unloading.Dispose(meter);
        return meter;
    }

    internal static void Count(Fault fault) => Faults.Add(fault);

    internal static string Name(Fault fault) => ReasonCounter<Fault>.Name(fault);

    /// <inheritdoc cref="Add(Counter{long}, long, string, string)"/>
    internal static void Add(Counter<long> counter, long count) =>
        NeverThrow.Run((counter, count), static state => state.counter.Add(state.count));

    /// <summary>Adds to a counter. Never throws: a metric listener runs on the thread of the traced call.</summary>
    internal static void Add(Counter<long> counter, long count, string tag, string value) =>
        NeverThrow.Run(
            (counter, count, tag: new KeyValuePair<string, object?>(tag, value)),
            static state => state.counter.Add(state.count, state.tag));
}
