using System.Text.Json;

namespace LangSmith.Http;

/// <summary>Keeps the newest runs in memory, for tests and examples. Thread-safe.</summary>
public sealed class InMemoryRunRecorder : IRunRecorder
{
    private readonly object _gate = new();
    private readonly Dictionary<Guid, LinkedListNode<RecordedRun>> _byId = [];
    private readonly LinkedList<RecordedRun> _runs = [];
    private readonly int _capacity;

    /// <summary>Makes a recorder that keeps 10,000 runs.</summary>
    public InMemoryRunRecorder()
        : this(10_000)
    {
    }

    /// <summary>Makes a recorder.</summary>
    /// <param name="capacity">How many runs it keeps; the oldest goes first.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="capacity"/> is less than 1.</exception>
    public InMemoryRunRecorder(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _capacity = capacity;
    }

    /// <summary>The runs that are kept, in the order they were started.</summary>
    public IReadOnlyList<RecordedRun> Runs
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
    public void OnStart(RunTree run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var recorded = new RecordedRun(run);
        lock (_gate)
        {
            _byId[run.Id] = _runs.AddLast(recorded);
            if (_runs.Count > _capacity)
            {
                _byId.Remove(_runs.First!.Value.Id);
                _runs.RemoveFirst();
            }
        }
    }

    /// <inheritdoc/>
    public void OnEnd(RunTree run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var recorded = new RecordedRun(run);
        lock (_gate)
        {
            if (_byId.TryGetValue(run.Id, out var node))
                node.Value = recorded;
        }
    }
}

/// <summary>A run as an <see cref="InMemoryRunRecorder"/> saw it last. The members mean what they mean on <see cref="RunTree"/>.</summary>
public sealed class RecordedRun
{
    internal RecordedRun(RunTree run)
    {
        Id = run.Id;
        TraceId = run.TraceId;
        ParentRunId = run.ParentRunId;
        DottedOrder = run.DottedOrder;
        Name = run.Name;
        RunType = run.RunType;
        Project = run.Project;
        Address = run.Address;
        StartTime = run.StartTime;
        EndTime = run.EndTime;
        Inputs = run.Inputs;
        Outputs = run.Outputs;
        Error = run.Error;
        Events = run.Events;
        Tags = run.Tags;
        Metadata = run.Metadata;
    }

    /// <summary>The run's id.</summary>
    public Guid Id { get; }

    /// <summary>The id of the trace's root run.</summary>
    public Guid TraceId { get; }

    /// <summary>The parent's id; null on a root.</summary>
    public Guid? ParentRunId { get; }

    /// <summary>The path from the root to this run.</summary>
    public string DottedOrder { get; }

    /// <summary>What the run is called.</summary>
    public string Name { get; }

    /// <summary>What kind of step it is.</summary>
    public string RunType { get; }

    /// <summary>The project; null when the trace has an address.</summary>
    public string? Project { get; }

    /// <summary>The agent address; null when the trace has a project.</summary>
    public string? Address { get; }

    /// <summary>When the run started, in UTC.</summary>
    public DateTimeOffset StartTime { get; }

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime { get; }

    /// <summary>The inputs; null when there are none.</summary>
    public JsonElement? Inputs { get; }

    /// <summary>The outputs; null when there are none.</summary>
    public JsonElement? Outputs { get; }

    /// <summary>What went wrong; null when nothing did.</summary>
    public string? Error { get; }

    /// <summary>What happened during the run.</summary>
    public IReadOnlyList<RunEvent> Events { get; }

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> Tags { get; }

    /// <summary>The metadata, inherited and own.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata { get; }
}
