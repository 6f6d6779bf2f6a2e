using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Queue;

/// <summary>
/// The operations to be sent and those being sent, bounded by count and bytes. It never blocks; an operation that does not
/// fit is refused. A start and an end that meet in the queue become one operation. An end whose start is being sent waits
/// until the outcome is known. Thread-safe.
/// </summary>
internal sealed class RunQueue(int maxRuns, long maxBytes, TimeProvider timeProvider, int maxOpen = 100_000)
{
    private const string EndTooLarge = "The run ended, but its end was dropped: it was larger than LangSmith takes in one request.";
    private const string EndWithoutRoom = "The run ended, but its end was dropped: the exporter's queue was full.";

    private readonly object _gate = new();

    // Waiting operations, by sequence.
    private readonly LinkedList<RunOperation> _waiting = [];

    // Waiting ends that had to wait for their starts, by sequence. They are older than most, and are taken first.
    private readonly PriorityQueue<RunOperation, long> _released = new();

    // The starts in _waiting, by run.
    private readonly Dictionary<Guid, LinkedListNode<RunOperation>> _starts = [];

    // The starts being sent, by run.
    private readonly Dictionary<Guid, SendingStart> _sending = [];
    private readonly OpenRuns _open = new(maxOpen);

    // Runs whose start was dropped and counted. An end makes up for it.
    private readonly HashSet<Guid> _startless = [];

    // Ends in place of dropped ones, of open runs. They are queued when there is room.
    private readonly Queue<RunOperation> _substitutes = [];

    // The lowest sequence of each batch being sent.
    private readonly LinkedList<long> _inFlight = [];
    private TaskCompletionSource? _change;
    private TaskCompletionSource? _full;
    private (int Operations, long Bytes) _fullAt;
    private long _maxOperationBytes = long.MaxValue;
    private long _waitingBytes;
    private long _sequence;
    private bool _isClosed;

    /// <summary>The operations that wait or are being sent.</summary>
    internal QueueSize Size { get; } = new();

    internal int Count => Size.Operations;

    internal long Bytes => Size.Bytes;

    /// <summary>How many runs are kept because they have not ended.</summary>
    internal int OpenCount
    {
        get
        {
            lock (_gate)
                return _open.Count;
        }
    }

    /// <summary>The most the server accepts of one run; larger operations are refused.</summary>
    internal long MaxOperationBytes
    {
        get => Interlocked.Read(ref _maxOperationBytes);
        set => Interlocked.Exchange(ref _maxOperationBytes, value);
    }

    /// <summary>The sequence of the operation that was queued last.</summary>
    internal long LastSequence
    {
        get
        {
            lock (_gate)
                return _sequence;
        }
    }

    /// <summary>How many operations wait to be taken, their bytes, and since when the oldest waits.</summary>
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

    /// <summary>Completes when the next operation is queued or the next batch completed.</summary>
    internal Task Changed
    {
        get
        {
            lock (_gate)
                return (_change ??= NewSignal()).Task;
        }
    }

    private int WaitingCount => _waiting.Count + _released.Count;

    /// <summary>Queues a start.</summary>
    /// <returns>Why it was refused; null if it was queued.</returns>
    internal DropReason? TryStart(RunOperation start)
    {
        lock (_gate)
        {
            if (GetRefusal(start, start.Size, 1) is { } reason)
            {
                AddStartless(start.Id);
                return reason;
            }

            _starts[start.Id] = Add(start);
            return null;
        }
    }

    /// <summary>Queues an end.</summary>
    /// <returns>Why it was refused; null if it was queued.</returns>
    internal DropReason? TryEnd(RunOperation end)
    {
        lock (_gate)
        {
            // Close has ended all open runs.
            if (_isClosed)
                return DropReason.Shutdown;
            if (_starts.Remove(end.Id, out var start))
            {
                var reason = GetRefusal(end, end.Size - start.Value.Size, 0);
                Merge(start, reason is null ? end : start.Value.CutShort(end, Describe(reason.Value)));
                return reason;
            }

            if (_sending.TryGetValue(end.Id, out var sending))
            {
                end.Link = sending.Start.Link;
                // It keeps its inputs: the start may get lost.
                var reason = GetRefusal(end, end.Size, 1, isUpdate: true);
                if (reason is null)
                    Hold(sending, end);
                else
                    sending.Substitute = sending.Start.WithoutPayload().CutShort(end, Describe(reason.Value));
                return reason;
            }

            var open = _open.Remove(end.Id);
            if (open is not null)
            {
                end.BecomeUpdate();
                end.Link = open.Link;
            }
            else
            {
                end.BecomeCreate();
                end.MakesUpForStart = _startless.Remove(end.Id);
            }

            var refusal = GetRefusal(end, end.Size, 1);
            if (refusal is null)
                Add(end);
            else if (open is not null)
                AddSubstitute(open.CutShort(end, Describe(refusal.Value)));
            return refusal;
        }
    }

    /// <summary>Takes the oldest operations. They count until <see cref="Complete"/>.</summary>
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
                if (_starts.Remove(operation.Id))
                    _sending[operation.Id] = new SendingStart(operation);
            }

            _waitingBytes -= bytes;
            return new RunBatch(operations, bytes, _inFlight.AddLast(first));
        }
    }

    /// <summary>Removes a batch that was sent or dropped. Runs whose start was lost are sent whole when they end.</summary>
    internal void Complete(RunBatch batch, IReadOnlyCollection<RunOperation> lost)
    {
        var lostIds = lost.Count == 0 ? [] : lost.Select(static operation => operation.Id).ToHashSet();
        lock (_gate)
        {
            _inFlight.Remove(batch.InFlight);
            Size.Add(-batch.Operations.Count, -batch.Bytes);
            foreach (var operation in batch.Operations)
            {
                if (operation.IsCreate && _sending.Remove(operation.Id, out var sending))
                    CompleteStart(sending, lostIds.Contains(operation.Id));
            }

            AddSubstitutes();
            SignalFull();
            Signal();
        }
    }

    /// <summary>Refuses operations from now on, and ends all open runs with an error.</summary>
    internal void Close(string error)
    {
        lock (_gate)
        {
            _isClosed = true;
            var now = timeProvider.GetUtcNow();
            foreach (var start in _starts.Values)
                Merge(start, start.Value.Abandon(now, error));
            _starts.Clear();
            foreach (var sending in _sending.Values.Where(static sending => sending.End is null))
                Hold(sending, sending.Substitute ?? sending.Start.Abandon(now, error));
            foreach (var open in _open.RemoveAll())
                Add(open.Abandon(now, error));
            while (_substitutes.TryDequeue(out var substitute))
                Add(substitute);
        }
    }

    /// <summary>Returns true if every operation up to a sequence was sent or dropped.</summary>
    internal bool IsDone(long sequence)
    {
        // An end that waits for its start is younger than the start, which is in flight.
        lock (_gate)
        {
            return (_waiting.First is null || _waiting.First.Value.Sequence > sequence)
                && (!_released.TryPeek(out _, out var released) || released > sequence)
                && _inFlight.All(first => first > sequence);
        }
    }

    /// <summary>Completes when at least so much waits. Serves one caller at a time.</summary>
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

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Describe(DropReason reason) => reason == DropReason.TooLarge ? EndTooLarge : EndWithoutRoom;

    private DropReason? GetRefusal(RunOperation operation, long bytes, int count, bool isUpdate = false) =>
        _isClosed ? DropReason.Shutdown
        : !operation.IsPostable ? DropReason.Invalid
        : !Fits(operation, isUpdate) ? DropReason.TooLarge
        : Count + count > maxRuns || Bytes + bytes > maxBytes ? DropReason.QueueFull
        : null;

    // What is too large for the server goes without its inputs or outputs.
    private bool Fits(RunOperation operation, bool isUpdate)
    {
        while (operation.GetLeastBytes(isUpdate) > MaxOperationBytes)
        {
            if (!operation.TryOmit())
                return false;
            Telemetry.Count(Fault.PayloadCut);
        }

        return true;
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
        Size.Add(1, operation.Size);
    }

    // Puts the end in the start's place: one post.
    private void Merge(LinkedListNode<RunOperation> start, RunOperation end)
    {
        end.Replace(start.Value);
        var more = end.Size - start.Value.Size;
        Size.Add(0, more);
        _waitingBytes += more;
        start.Value = end;
        SignalFull();
    }

    private void Hold(SendingStart sending, RunOperation end)
    {
        Number(end);
        (sending.End, sending.Substitute) = (end, null);
    }

    private void CompleteStart(SendingStart sending, bool isLost)
    {
        if (sending.End is { } end)
        {
            // Without the start there is no run that a bare end could end.
            if (isLost && end.IsBare)
                Size.Add(-1, -end.Size);
            else
                Release(end, isLost);
        }
        else if (sending.Substitute is { } substitute)
        {
            if (!isLost)
                _substitutes.Enqueue(substitute);
        }
        else if (isLost)
        {
            AddStartless(sending.Start.Id);
        }
        else
        {
            _open.Add(sending.Start);
        }
    }

    private void Release(RunOperation end, bool isStartLost)
    {
        var before = end.Size;
        if (isStartLost)
            end.BecomeCreate();
        else
            end.BecomeUpdate();
        end.MakesUpForStart = isStartLost;
        Size.Add(0, end.Size - before);
        _waitingBytes += end.Size;
        _released.Enqueue(end, end.Sequence);
    }

    private void AddSubstitute(RunOperation end)
    {
        if (_substitutes.Count < maxOpen)
            _substitutes.Enqueue(end);
        AddSubstitutes();
    }

    private void AddSubstitutes()
    {
        while (_substitutes.TryPeek(out var substitute) && GetRefusal(substitute, substitute.Size, 1) is null)
            Add(_substitutes.Dequeue());
    }

    // Beyond maxOpen a dropped start stays counted as lost, even if the end is sent.
    private void AddStartless(Guid id)
    {
        if (_startless.Count < maxOpen)
            _startless.Add(id);
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

    /// <summary>A start being sent.</summary>
    private sealed class SendingStart(RunOperation start)
    {
        internal RunOperation Start => start;

        /// <summary>The end that came meanwhile, if there was room for it.</summary>
        internal RunOperation? End { get; set; }

        /// <summary>An end in place of one that was refused. It is not counted yet.</summary>
        internal RunOperation? Substitute { get; set; }
    }
}
