namespace LangSmith.Http.Collector.Traces;

/// <summary>The newest ids of evicted runs and traces: half a trace must not come back.</summary>
internal sealed class EvictedIds
{
    private const int MaxIds = 10_000;

    private readonly HashSet<Guid> _ids = [];
    private readonly Queue<Guid> _order = [];

    internal bool Contains(Guid id) => _ids.Contains(id);

    internal void Add(Guid id)
    {
        if (!_ids.Add(id))
            return;
        _order.Enqueue(id);
        if (_order.Count > MaxIds)
            _ids.Remove(_order.Dequeue());
    }

    internal void Clear()
    {
        _ids.Clear();
        _order.Clear();
    }
}
