using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Queue;

/// <summary>
/// Runs whose start was sent and that have not ended, without their payloads. Beyond a bound the oldest is evicted; if it
/// ends after all, the whole run is sent. Not thread-safe.
/// </summary>
internal sealed class OpenRuns(int max)
{
    private readonly LinkedList<RunOperation> _starts = [];
    private readonly Dictionary<Guid, LinkedListNode<RunOperation>> _byId = [];

    internal int Count => _starts.Count;

    internal void Add(RunOperation start)
    {
        _byId[start.Id] = _starts.AddLast(start.WithoutPayload());
        if (_starts.Count <= max)
            return;
        _byId.Remove(_starts.First!.Value.Id);
        _starts.RemoveFirst();
    }

    /// <summary>Removes a run; returns its start, or null if the run is not known.</summary>
    internal RunOperation? Remove(Guid id)
    {
        if (!_byId.Remove(id, out var start))
            return null;
        _starts.Remove(start);
        return start.Value;
    }

    internal IReadOnlyList<RunOperation> RemoveAll()
    {
        List<RunOperation> all = [.. _starts];
        _starts.Clear();
        _byId.Clear();
        return all;
    }
}
