namespace LangSmith.Http;

/// <summary>Keeps the newest runs in memory, as they were recorded last; for tests and examples. Thread-safe.</summary>
public sealed class InMemoryRunRecorder : IRunRecorder
{
    private readonly object _gate = new();
    private readonly Dictionary<Guid, LinkedListNode<RunSnapshot>> _byId = [];
    private readonly LinkedList<RunSnapshot> _runs = [];
    private readonly int _capacity;

    /// <summary>Makes a recorder that keeps 10,000 runs.</summary>
    public InMemoryRunRecorder()
        : this(10_000)
    {
    }

    /// <summary>Makes a recorder.</summary>
    /// <param name="capacity">How many runs it keeps; then the oldest is evicted.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is less than 1.</exception>
    public InMemoryRunRecorder(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _capacity = capacity;
    }

    /// <summary>The runs that are kept, in the order they were started.</summary>
    public IReadOnlyList<RunSnapshot> Runs
    {
        get
        {
            lock (_gate)
                return [.. _runs];
        }
    }

    /// <summary>Forgets all runs.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _byId.Clear();
            _runs.Clear();
        }
    }

    /// <inheritdoc/>
    public bool ShouldRecord(Guid traceId) => true;

    /// <inheritdoc/>
    public void OnStart(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        lock (_gate)
        {
            _byId[run.Id] = _runs.AddLast(run);
            if (_runs.Count > _capacity)
            {
                _byId.Remove(_runs.First!.Value.Id);
                _runs.RemoveFirst();
            }
        }
    }

    /// <inheritdoc/>
    public void OnEnd(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        lock (_gate)
        {
            if (_byId.TryGetValue(run.Id, out var node))
                node.Value = run;
        }
    }
}
