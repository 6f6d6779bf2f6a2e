using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Validation;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Collector.Traces;

/// <summary>
/// The runs, in memory and within bounds: the oldest trace goes first. Thread-safe. Writes come in any order; the same one
/// twice is once.
/// </summary>
internal sealed class TraceStore(int maxRuns, long maxBytes, TimeProvider timeProvider)
{
    private const int MaxProblems = 1000;
    private const int MaxNames = 10_000;
    private const int MaxNameLength = 200;
    private const int MaxEvicted = 10_000;

    private readonly object _gate = new();
    private readonly Dictionary<Guid, LinkedListNode<TraceRecord>> _traces = [];
    private readonly Dictionary<Guid, RunRecord> _runs = [];
    private readonly LinkedList<TraceRecord> _order = [];
    private readonly LinkedList<CollectorProblem> _problems = [];
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private readonly HashSet<Guid> _evicted = [];
    private readonly Queue<Guid> _evictedOrder = [];
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;
    private int _ended;

    /// <summary>Grows with every change.</summary>
    internal long Version { get; private set; }

    /// <summary>How many runs went, or did not come in, because of the bounds.</summary>
    internal long Dropped { get; private set; }

    /// <summary>About how many bytes the runs take.</summary>
    internal long Bytes
    {
        get
        {
            lock (_gate)
                return _bytes;
        }
    }

    internal int RunCount
    {
        get
        {
            lock (_gate)
                return _runs.Count;
        }
    }

    internal int EndedCount
    {
        get
        {
            lock (_gate)
                return _ended;
        }
    }

    internal int ProblemCount
    {
        get
        {
            lock (_gate)
                return _problems.Count + _order.Sum(static trace => trace.Summary.ProblemCount);
        }
    }

    internal void Apply(IEnumerable<RunWrite> writes)
    {
        lock (_gate)
        {
            foreach (var write in writes)
                Apply(write);
            Changed();
        }
    }

    /// <summary>Notes a request that was refused.</summary>
    internal void Refuse(IngestException refusal)
    {
        lock (_gate)
        {
            Note(new CollectorProblem(
                refusal.Code, ProblemSeverity.Error, refusal.Message, refusal.Run?.TraceId, refusal.Run?.Id, RunValidator.Shorten(refusal.Run?.Name), timeProvider.GetUtcNow()));
            Changed();
        }
    }

    internal void Clear()
    {
        lock (_gate)
        {
            _traces.Clear();
            _runs.Clear();
            _order.Clear();
            _problems.Clear();
            _names.Clear();
            _evicted.Clear();
            _evictedOrder.Clear();
            _bytes = 0;
            _ended = 0;
            Dropped = 0;
            Changed();
        }
    }

    /// <summary>Newest first.</summary>
    internal IReadOnlyList<TraceSummary> Summaries()
    {
        lock (_gate)
            return [.. _order.Reverse().Select(static trace => trace.Summary)];
    }

    internal IReadOnlyList<CollectedTrace> Traces()
    {
        lock (_gate)
            return [.. _order.Reverse().Select(static trace => new CollectedTrace(trace))];
    }

    internal CollectedTrace? Trace(Guid id)
    {
        lock (_gate)
            return _traces.TryGetValue(id, out var node) ? new CollectedTrace(node.Value) : null;
    }

    internal TraceSummary? Summary(Guid id)
    {
        lock (_gate)
            return _traces.TryGetValue(id, out var node) ? node.Value.Summary : null;
    }

    internal CollectedRun? Run(Guid id)
    {
        lock (_gate)
            return _runs.TryGetValue(id, out var run) ? new CollectedRun(run) : null;
    }

    /// <summary>The traces with a run that mentions a text.</summary>
    internal HashSet<Guid> Search(string text)
    {
        RunRecord[] runs;
        lock (_gate)
            runs = [.. _runs.Values];
        // Outside the lock: a hundred thousand payloads take a while, and the fields are replaced, never changed.
        var wanted = new SearchText(text);
        var found = new HashSet<Guid>();
        foreach (var run in runs)
        {
            if (!found.Contains(run.TraceId) && run.Mentions(wanted))
                found.Add(run.TraceId);
        }

        return found;
    }

    /// <summary>How many problems were noted of each trace: of requests that were refused, and runs that are odd.</summary>
    internal IReadOnlyDictionary<Guid, int> NotedProblems()
    {
        lock (_gate)
            return _problems.Where(static problem => problem.TraceId is not null).GroupBy(static problem => problem.TraceId!.Value).ToDictionary(static group => group.Key, static group => group.Count());
    }

    /// <summary>Those of a trace, of its requests that were refused first.</summary>
    internal IReadOnlyList<CollectorProblem> Problems(Guid traceId)
    {
        lock (_gate)
        {
            return
            [
                .. _problems.Reverse().Where(problem => problem.TraceId == traceId),
                .. _traces.TryGetValue(traceId, out var node) ? TraceValidator.Find(node.Value) : [],
            ];
        }
    }

    /// <summary>Those of requests that were refused, newest first, then those of the traces as they are.</summary>
    internal IReadOnlyList<CollectorProblem> Problems()
    {
        lock (_gate)
            return [.. _problems.Reverse(), .. _order.Reverse().SelectMany(TraceValidator.Find)];
    }

    /// <summary>Completes at the next change after a version, at once when there was one already.</summary>
    internal Task WhenChangedSince(long version)
    {
        lock (_gate)
            return Version > version ? Task.CompletedTask : _change.Task;
    }

    private void Apply(RunWrite write)
    {
        var isNew = !_runs.TryGetValue(write.Id, out var run);
        if (run is null)
        {
            // Half a trace would look like one that lost its root.
            if (write.TraceId is { } gone && _evicted.Contains(gone))
            {
                Dropped += write.IsCreate ? 1 : 0;
                return;
            }

            // What there was no room for does not come back as an end without a beginning.
            if (_evicted.Contains(write.Id))
                return;
            run = new RunRecord(write.Id, timeProvider.GetUtcNow());
            _runs.Add(run.Id, run);
        }

        PutBelowParent(write);
        var (traceId, size, hadEnded) = (run.TraceId, isNew ? 0 : run.Size, run.EndTime is not null);
        run.Apply(write, Intern);
        _bytes += run.Size - size;
        _ended += run.EndTime is not null && !hadEnded ? 1 : 0;
        if (!isNew && run.TraceId != traceId)
            Leave(traceId, run);
        var trace = Join(run);
        trace.Changed();
        Evict(trace);
    }

    // The API's documentation posts children with no more than their parent's id, parents first.
    private void PutBelowParent(RunWrite write)
    {
        if (!write.IsCreate || write.TraceId is not null || write.DottedOrder is not null
            || write.ParentRunId is not { } parentId || parentId == write.Id
            || !_runs.TryGetValue(parentId, out var parent) || !RunValidator.TryReadStart(parent.DottedOrder, out var earliest))
            return;
        var start = (write.StartTime ?? timeProvider.GetUtcNow()).UtcDateTime;
        write.TraceId = parent.TraceId;
        write.DottedOrder = DottedOrder.Append(parent.DottedOrder, start > earliest ? start : earliest, write.Id);
    }

    private TraceRecord Join(RunRecord run)
    {
        if (!_traces.TryGetValue(run.TraceId, out var node))
            _traces.Add(run.TraceId, node = _order.AddLast(new TraceRecord(run.TraceId)));
        node.Value.Runs.TryAdd(run.Id, run);
        return node.Value;
    }

    // Only its end was known, without the trace it belongs to.
    private void Leave(Guid traceId, RunRecord run)
    {
        if (!_traces.TryGetValue(traceId, out var node))
            return;
        node.Value.Runs.Remove(run.Id);
        node.Value.Changed();
        if (node.Value.Runs.Count == 0)
        {
            _traces.Remove(traceId);
            _order.Remove(node);
        }
    }

    private void Evict(TraceRecord written)
    {
        while ((_runs.Count > maxRuns || _bytes > maxBytes) && _order.First is { } oldest)
        {
            // The trace that is being written goes last.
            if (ReferenceEquals(oldest.Value, written) && oldest.Next is { } next)
                oldest = next;
            if (ReferenceEquals(oldest.Value, written))
            {
                Shrink(written);
                continue;
            }

            foreach (var gone in oldest.Value.Runs.Values)
                Remove(gone);
            _traces.Remove(oldest.Value.Id);
            _order.Remove(oldest);
            Forget(oldest.Value.Id);
        }
    }

    // Alone too large, a trace loses the last run of its tree: the tree above it stays whole. The root loses its payload.
    private void Shrink(TraceRecord trace)
    {
        var last = trace.Runs.Values.MaxBy(static run => run.DottedOrder, StringComparer.Ordinal)!;
        if (trace.Runs.Count > 1)
        {
            trace.Runs.Remove(last.Id);
            Remove(last);
            Forget(last.Id);
        }
        else
        {
            _bytes -= last.Size;
            last.DropPayload();
            _bytes += last.Size;
            // What it is called may alone be too much: then nothing is left to shrink.
            if (_bytes > maxBytes)
            {
                Remove(last);
                Leave(trace.Id, last);
                Forget(trace.Id);
            }
        }

        trace.Changed();
        Note(new CollectorProblem(
            "trace_too_large", ProblemSeverity.Warning, $"The trace is larger than the collector holds ({maxRuns:N0} runs, {maxBytes:N0} bytes): its last runs, or payloads, are dropped. Set LangSmithCollectorOptions.MaxRuns or MaxBytes.",
            trace.Id, null, null, timeProvider.GetUtcNow()));
    }

    private void Forget(Guid id)
    {
        if (!_evicted.Add(id))
            return;
        _evictedOrder.Enqueue(id);
        if (_evictedOrder.Count > MaxEvicted)
            _evicted.Remove(_evictedOrder.Dequeue());
    }

    private void Remove(RunRecord run)
    {
        _runs.Remove(run.Id);
        _bytes -= run.Size;
        _ended -= run.EndTime is not null ? 1 : 0;
        Dropped++;
    }

    private void Note(CollectorProblem problem)
    {
        for (var node = _problems.Last; node is not null; node = node.Previous)
        {
            var other = node.Value;
            if (other.Code != problem.Code || other.TraceId != problem.TraceId || other.RunId != problem.RunId || other.Message != problem.Message)
                continue;
            _problems.Remove(node);
            problem = problem with { Count = other.Count + 1 };
            break;
        }

        _problems.AddLast(problem);
        if (_problems.Count > MaxProblems)
            _problems.RemoveFirst();
    }

    // Names, projects and services repeat; identifiers made into names do not, and must not fill the table.
    private string Intern(string text)
    {
        if (_names.TryGetValue(text, out var known))
            return known;
        if (_names.Count < MaxNames && text.Length <= MaxNameLength)
            _names.Add(text, text);
        return text;
    }

    private void Changed()
    {
        Version++;
        var change = _change;
        _change = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        change.SetResult();
    }
}
