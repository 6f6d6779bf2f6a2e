using System.Diagnostics.Metrics;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Counts <c>langsmith.http.faults</c> of this flow of execution; what other tests cause is left out.</summary>
internal sealed class FaultCounter : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly AsyncLocal<bool> _isOurs = new();
    private readonly object _gate = new();
    private readonly Dictionary<string, int> _counts = [];

    internal FaultCounter()
    {
        _isOurs.Value = true;
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "LangSmith.Http" && instrument.Name == "langsmith.http.faults")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (!_isOurs.Value)
                return;
            foreach (var (key, kind) in tags)
            {
                if (key != "kind")
                    continue;
                lock (_gate)
                    _counts[(string)kind!] = _counts.GetValueOrDefault((string)kind!) + (int)value;
            }
        });
        _listener.Start();
    }

    internal int this[string kind]
    {
        get
        {
            lock (_gate)
                return _counts.GetValueOrDefault(kind);
        }
    }

    public void Dispose()
    {
        _isOurs.Value = false;
        _listener.Dispose();
    }
}
