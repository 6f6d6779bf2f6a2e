using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace LangSmith.Http.Tests;

/// <summary>What the library's meter counted while this was open, as <c>instrument:tag</c>, or <c>instrument</c> without a tag.</summary>
internal sealed class Counts : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _counts = new();

    public Counts()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "LangSmith.Http")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            _counts.AddOrUpdate(tags.Length == 0 ? instrument.Name : $"{instrument.Name}:{tags[0].Value}", value, (_, count) => count + value));
        _listener.Start();
    }

    public long this[string key] => _counts.TryGetValue(key, out var count) ? count : 0;

    public void Dispose() => _listener.Dispose();
}
