namespace LangSmith.Http;

/// <summary>
/// What is to be sent, bounded by count and by bytes, those on their way included. It never blocks: what does not fit is
/// refused, newest first. The start and the end of a run that meet in it become one operation.
/// </summary>
internal sealed class RunQueue(int maxRuns, long maxBytes, TimeProvider timeProvider)
{
    private readonly object _gate = new();
    private readonly LinkedList<RunOperation> _waiting = [];

    // The creates among them, by run.
    private readonly Dictionary<Guid, LinkedListNode<RunOperation>> _creates = [];

    // Runs that were started and have not ended, without their payloads: those whose create was taken, and may be sent.
    private readonly Dictionary<Guid, RunOperation> _open = [];

    // The least sequence of each batch that is on its way.
    private readonly LinkedList<long> _inFlight = [];
    private TaskCompletionSource? _change;
    private long _sequence;

    /// <summary>How many operations wait or are on their way.</summary>
    internal int Count { get; private set; }

    /// <summary>About how many bytes they are.</summary>
    internal long Bytes { get; private set; }

    internal bool TryStart(RunOperation create)
    {
        lock (_gate)
        {
            if (!Fits(create.Size))
                return false;
            _creates.Add(create.Id, Add(create));
            return true;
        }
    }

    internal bool TryEnd(RunOperation end)
    {
        lock (_gate)
        {
            if (_creates.Remove(end.Id, out var create))
            {
                // Refused, the start goes as it is: an open run is better than none.
                if (Bytes + end.Size - create.Value.Size > maxBytes)
                {
                    _open[end.Id] = create.Value;
                    return false;
                }

                end.BecomeCreate();
                end.Link = create.Value.Link;
                end.Sequence = create.Value.Sequence;
                end.QueuedAt = create.Value.QueuedAt;
                Bytes += end.Size - create.Value.Size;
                create.Value = end;
                return true;
            }

            if (_open.Remove(end.Id, out var open))
            {
                end.BecomeUpdate();
                end.Link = open.Link;
            }
            else
            {
                end.BecomeCreate();
            }

            if (!Fits(end.Size))
                return false;
            Add(end);
            return true;
        }
    }

    /// <summary>Takes the oldest operations; they count until <see cref="Complete"/>.</summary>
    internal RunBatch? Take(int maxOperations, long maxBatchBytes)
    {
        lock (_gate)
        {
            if (_waiting.First is null)
                return null;
            var operations = new List<RunOperation>(Math.Min(maxOperations, _waiting.Count));
            var bytes = 0L;
            while (_waiting.First is { } first && operations.Count < maxOperations && (operations.Count == 0 || bytes + first.Value.Size <= maxBatchBytes))
            {
                var operation = first.Value;
                _waiting.RemoveFirst();
                operations.Add(operation);
                bytes += operation.Size;
                if (_creates.Remove(operation.Id))
                    _open[operation.Id] = operation;
            }

            return new RunBatch(operations, bytes, _inFlight.AddLast(operations[0].Sequence));
        }
    }

    /// <summary>A batch was sent, or given up: then the runs whose create was lost are sent whole when they end.</summary>
    internal void Complete(RunBatch batch, IReadOnlyCollection<RunOperation> lost)
    {
        lock (_gate)
        {
            foreach (var operation in lost)
            {
                if (operation.IsCreate)
                    _open.Remove(operation.Id);
            }

            // What is still open keeps its identity here, not its payload.
            foreach (var operation in batch.Operations)
            {
                if (operation.IsCreate && operation.EndTime is null && _open.ContainsKey(operation.Id))
                    _open[operation.Id] = operation.Abandon(operation.StartTime, "");
            }

            _inFlight.Remove(batch.InFlight);
            Count -= batch.Operations.Count;
            Bytes -= batch.Bytes;
            Signal();
        }
    }

    /// <summary>Ends what is open, with an error that says why.</summary>
    internal void EndOpen(string error)
    {
        lock (_gate)
        {
            var now = timeProvider.GetUtcNow();
            foreach (var create in _creates.Values.ToList())
            {
                // Not sent yet: it goes as the start it is, and the end behind it.
                _creates.Remove(create.Value.Id);
                _open[create.Value.Id] = create.Value;
            }

            foreach (var open in _open.Values)
                Add(open.Abandon(now, error));
            _open.Clear();
        }
    }

    /// <summary>The last operation that was queued so far.</summary>
    internal long LastSequence
    {
        get
        {
            lock (_gate)
                return _sequence;
        }
    }

    /// <summary>Whether everything up to an operation was sent, or given up.</summary>
    internal bool IsDone(long sequence)
    {
        lock (_gate)
            return (_waiting.First is null || _waiting.First.Value.Sequence > sequence) && _inFlight.All(first => first > sequence);
    }

    /// <summary>How many operations wait, how many bytes they are, and since when the oldest does.</summary>
    internal (int Count, long Bytes, long OldestAt) Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.First is null ? (0, 0, 0)
                    : (_waiting.Count, Bytes, _waiting.First.Value.QueuedAt);
            }
        }
    }

    /// <summary>Completes when something is queued or done from now on.</summary>
    internal Task Changed
    {
        get
        {
            lock (_gate)
                return (_change ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private bool Fits(long size) => Count < maxRuns && Bytes + size <= maxBytes;

    private LinkedListNode<RunOperation> Add(RunOperation operation)
    {
        operation.Sequence = ++_sequence;
        operation.QueuedAt = timeProvider.GetTimestamp();
        Count++;
        Bytes += operation.Size;
        Signal();
        return _waiting.AddLast(operation);
    }

    private void Signal()
    {
        _change?.SetResult();
        _change = null;
    }
}

/// <summary>Operations on their way.</summary>
internal sealed record RunBatch(IReadOnlyList<RunOperation> Operations, long Bytes, LinkedListNode<long> InFlight);
