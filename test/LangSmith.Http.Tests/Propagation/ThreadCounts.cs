using System.Diagnostics.Metrics;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>
/// Counts one instrument's measurements by one tag. Callbacks run on the thread that counts, so those of tests on other
/// threads are told apart.
/// </summary>
internal sealed class ThreadCounts : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;

    internal ThreadCounts(string instrument, string tag)
    {
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (published.Meter.Name == "LangSmith.Http" && published.Name == instrument)
                listener.EnableMeasurementEvents(published);
        };
        _listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            if (Environment.CurrentManagedThreadId != _thread)
                return;
            foreach (var (key, name) in tags)
            {
                if (key == tag && name is string text)
                    Values[text] = Values.GetValueOrDefault(text) + value;
            }
        });
        _listener.Start();
    }

    internal Dictionary<string, long> Values { get; } = [];

    public void Dispose() => _listener.Dispose();
}
