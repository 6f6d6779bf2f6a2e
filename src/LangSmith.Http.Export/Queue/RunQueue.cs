using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Queue;

/// <summary>
/// What is to be sent, bounded by count and by bytes, those on their way included. It never blocks: what does not fit is
/// refused, newest first. The start and the end of a run that meet in it become one operation; an end whose start is on
/// its way waits until it is known whether the start got there.
/// </summary>
internal sealed class RunQueue(int maxRuns, long maxBytes, TimeProvider timeProvider, int maxOpen = 100_000)
{
    private const string EndTooLarge = "The run ended, but its end was dropped: it was larger than LangSmith takes in one request.";
    private const string EndWithoutRoom = "The run ended, but its end was dropped: the exporter's queue was full.";

    private readonly object _gate = new();

    // Ordered by sequence.
    private readonly LinkedList<RunOperation> _waiting = [];

    // Ends that had to wait for their creates, by sequence. They are older than most, and go first.
    private readonly PriorityQueue<RunOperation, long> _released = new();

    // The creates among them, by run.
    private readonly Dictionary<Guid, LinkedListNode<RunOperation>> _creates = [];

    // The creates on their way, and the run's end if it came meanwhile. It keeps its inputs: the create may get lost.
    private readonly Dictionary<Guid, (RunOperation Create, RunOperation? End, RunOperation? Substitute)> _sending = [];

    // Runs whose create was sent and that have not ended, without their payloads, oldest first.
    private readonly LinkedList<RunOperation> _open = [];
    private readonly Dictionary<Guid, LinkedListNode<RunOperation>> _openById = [];

    // Runs whose start was dropped, and counted: an end that comes makes up for it.
    private readonly HashSet<Guid> _startless = [];

    // In place of ends that were dropped, of runs whose create was sent: they go when there is room.
    private readonly Queue<RunOperation> _substitutes = [];

    // The least sequence of each batch that is on its way.
    private readonly LinkedList<long> _inFlight = [];
    private TaskCompletionSource? _change;
    private TaskCompletionSource? _full;
    private (int Operations, long Bytes) _fullAt;
    private long _maxOperationBytes = long.MaxValue;
    private long _waitingBytes;
    private long _bytes;
    private int _count;
    private long _sequence;
    private bool _isClosed;

    /// <summary>How many operations wait or are on their way.</summary>
    internal int Count => Volatile.Read(ref _count);

    /// <summary>About how many bytes they are.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>How many runs are remembered because they have not ended.</summary>
    internal int OpenCount
    {
        get
        {
            lock (_gate)
                return _open.Count;
        }
    }

    /// <summary>What the server takes of one run at most; what is larger is refused.</summary>
    internal long MaxOperationBytes
    {
        get => Interlocked.Read(ref _maxOperationBytes);
        set => Interlocked.Exchange(ref _maxOperationBytes, value);
    }

    /// <summary>Takes a start; says why when it does not.</summary>
    internal SendResult? TryStart(RunOperation create)
    {
        lock (_gate)
        {
            if (Refuses(create, create.Size, 1) is { } reason)
            {
                MissStart(create.Id);
                return reason;
            }

            _creates[create.Id] = Add(create);
            return null;
        }
    }

    /// <summary>Takes an end; says why when it does not.</summary>
    internal SendResult? TryEnd(RunOperation end)
    {
        lock (_gate)
        {
            // Those that were open have been ended.
            if (_isClosed)
                return SendResult.Shutdown;
            if (_creates.Remove(end.Id, out var create))
            {
                var reason = Refuses(end, end.Size - create.Value.Size, 0);
                Merge(create, reason is null ? end : create.Value.CutShort(end, Describe(reason.Value)));
                return reason;
            }

            if (_sending.Remove(end.Id, out var sending))
            {
                end.Link = sending.Create.Link;
                var reason = Refuses(end, end.Size, 1, isUpdate: true);
                if (reason is null)
                    Hold(sending.Create, end);
                else
                    _sending[end.Id] = (sending.Create, null, sending.Create.WithoutPayload().CutShort(end, Describe(reason.Value)));
                return reason;
            }

            if (_openById.Remove(end.Id, out var open))
            {
                _open.Remove(open);
                end.BecomeUpdate();
                end.Link = open.Value.Link;
            }
            else
            {
                end.BecomeCreate();
                end.MakesUpForStart = _startless.Remove(end.Id);
            }

            var refused = Refuses(end, end.Size, 1);
            if (refused is null)
                Add(end);
            else if (open is not null)
                Substitute(open.Value.CutShort(end, Describe(refused.Value)));
            return refused;
        }
    }

    /// <summary>Takes the oldest operations; they count until <see cref="Complete"/>.</summary>
    internal RunBatch? Take(int maxOperations, long maxBatchBytes)
    {
        lock (_gate)
        {
            if (WaitingCount == 0)
                return null;
            var operations = new List<RunOperation>(Math.Min(maxOperations, WaitingCount));
            var bytes = 0L;
            var first = long.MaxValue;
            while (operations.Count < maxOperations && WaitingCount > 0)
            {
                var isReleased = _released.TryPeek(out var operation, out _);
                operation ??= _waiting.First!.Value;
                if (operations.Count > 0 && bytes + operation.Size > maxBatchBytes)
                    break;
                if (isReleased)
                    _released.Dequeue();
                else
                    _waiting.RemoveFirst();
                operations.Add(operation);
                bytes += operation.Size;
                first = Math.Min(first, operation.Sequence);
                if (_creates.Remove(operation.Id))
                    _sending[operation.Id] = (operation, null, null);
            }

            _waitingBytes -= bytes;
            return new RunBatch(operations, bytes, _inFlight.AddLast(first));
        }
    }

    /// <summary>A batch was sent, or given up: then the runs whose create was lost are sent whole when they end.</summary>
    internal void Complete(RunBatch batch, IReadOnlyCollection<RunOperation> lost)
    {
        var lostIds = lost.Count == 0 ? [] : lost.Select(static operation => operation.Id).ToHashSet();
        lock (_gate)
        {
            _inFlight.Remove(batch.InFlight);
            _count -= batch.Operations.Count;
            _bytes -= batch.Bytes;
            foreach (var create in batch.Operations)
            {
                if (!create.IsCreate || !_sending.Remove(create.Id, out var sending))
                    continue;
                var isLost = lostIds.Contains(create.Id);
                if (sending.End is { } end)
                {
                    _bytes -= end.Size;
                    if (isLost && end.IsBare)
                    {
                        // There is nothing it could end.
                        _count--;
                        continue;
                    }

                    if (isLost)
                        end.BecomeCreate();
                    else
                        end.BecomeUpdate();
                    end.MakesUpForStart = isLost;
                    _bytes += end.Size;
                    _waitingBytes += end.Size;
                    _released.Enqueue(end, end.Sequence);
                }
                else if (sending.Substitute is { } substitute)
                {
                    // Lost, there is nothing it could end.
                    if (!isLost)
                        _substitutes.Enqueue(substitute);
                }
                else if (isLost)
                {
                    MissStart(create.Id);
                }
                else
                {
                    Remember(create.WithoutPayload());
                }
            }

            AddSubstitutes();
            SignalFull();
            Signal();
        }
    }

    /// <summary>Takes nothing more, and ends what is open, with an error that says why.</summary>
    internal void Close(string error)
    {
        lock (_gate)
        {
            _isClosed = true;
            var now = timeProvider.GetUtcNow();
            foreach (var create in _creates.Values)
                Merge(create, create.Value.Abandon(now, error));
            _creates.Clear();
            foreach (var (create, _, substitute) in _sending.Values.Where(static sending => sending.End is null).ToList())
                Hold(create, substitute ?? create.Abandon(now, error));
            foreach (var open in _open)
                Add(open.Abandon(now, error));
            _open.Clear();
            _openById.Clear();
            while (_substitutes.TryDequeue(out var substitute))
                Add(substitute);
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
        // An end that waits for its create is younger than it, and that is on its way.
        lock (_gate)
            return (_waiting.First is null || _waiting.First.Value.Sequence > sequence)
                && (!_released.TryPeek(out _, out var released) || released > sequence)
                && _inFlight.All(first => first > sequence);
    }

    /// <summary>How many operations wait, how many bytes they are, and since when the oldest does.</summary>
    internal (int Count, long Bytes, long OldestAt) Waiting
    {
        get
        {
            lock (_gate)
            {
                var oldestAt = Math.Min(
                    _waiting.First?.Value.QueuedAt ?? long.MaxValue,
                    _released.TryPeek(out var released, out _) ? released.QueuedAt : long.MaxValue);
                return (WaitingCount, _waitingBytes, oldestAt);
            }
        }
    }

    /// <summary>Completes when something is queued or done from now on.</summary>
    internal Task Changed
    {
        get
        {
            lock (_gate)
                return (_change ??= NewSignal()).Task;
        }
    }

    /// <summary>Completes when so much waits, at once when it does. For one that waits.</summary>
    internal Task WhenFull(int operations, long bytes)
    {
        lock (_gate)
        {
            _fullAt = (operations, bytes);
            _full ??= NewSignal();
            var full = _full.Task;
            SignalFull();
            return full;
        }
    }

    private int WaitingCount => _waiting.Count + _released.Count;

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SendResult? Refuses(RunOperation operation, long bytes, int count, bool isUpdate = false) =>
        _isClosed ? SendResult.Shutdown
        : !operation.IsPostable ? SendResult.Invalid
        : operation.LeastBytes(isUpdate) > MaxOperationBytes ? SendResult.TooLarge
        : _count + count > maxRuns || _bytes + bytes > maxBytes ? SendResult.QueueFull
        : null;

    // The end takes the place of the start: one post.
    private void Merge(LinkedListNode<RunOperation> create, RunOperation end)
    {
        end.BecomeCreate();
        end.Starts(create.Value);
        var more = end.Size - create.Value.Size;
        _bytes += more;
        _waitingBytes += more;
        create.Value = end;
        SignalFull();
    }

    private void Hold(RunOperation create, RunOperation end)
    {
        Number(end);
        _sending[create.Id] = (create, end, null);
    }

    private static string Describe(SendResult reason) => reason == SendResult.TooLarge ? EndTooLarge : EndWithoutRoom;

    private void Substitute(RunOperation end)
    {
        // They were open runs, of which there are not more.
        if (_substitutes.Count < maxOpen)
            _substitutes.Enqueue(end);
        AddSubstitutes();
    }

    private void AddSubstitutes()
    {
        while (_substitutes.TryPeek(out var substitute) && Refuses(substitute, substitute.Size, 1) is null)
            Add(_substitutes.Dequeue());
    }

    // Runs that never end must not fill the memory; should one of the forgotten end after all, it is posted whole.
    private void Remember(RunOperation create)
    {
        _openById[create.Id] = _open.AddLast(create);
        if (_open.Count <= maxOpen)
            return;
        _openById.Remove(_open.First!.Value.Id);
        _open.RemoveFirst();
    }

    // Beyond the bound what was counted stays counted, whatever comes.
    private void MissStart(Guid id)
    {
        if (_startless.Count < maxOpen)
            _startless.Add(id);
    }

    private LinkedListNode<RunOperation> Add(RunOperation operation)
    {
        Number(operation);
        _waitingBytes += operation.Size;
        var node = _waiting.AddLast(operation);
        Signal();
        SignalFull();
        return node;
    }

    private void Number(RunOperation operation)
    {
        operation.Sequence = ++_sequence;
        operation.QueuedAt = timeProvider.GetTimestamp();
        _count++;
        _bytes += operation.Size;
    }

    private void Signal()
    {
        _change?.SetResult();
        _change = null;
    }

    private void SignalFull()
    {
        if (_full is null || (WaitingCount < _fullAt.Operations && _waitingBytes < _fullAt.Bytes))
            return;
        _full.SetResult();
        _full = null;
    }
}

/// <summary>Operations on their way.</summary>
internal sealed record RunBatch(IReadOnlyList<RunOperation> Operations, long Bytes, LinkedListNode<long> InFlight);
