using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Validation;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Collector.Traces;

/// <summary>
/// Keeps runs in memory; over its bounds it evicts the oldest trace. Writes arrive in any order and may be repeated.
/// Thread-safe.
/// </summary>
internal sealed class TraceStore(int maxRuns, long maxBytes, TimeProvider timeProvider)
{
    private const int MaxNames = 10_000;
    private const int MaxNameLength = 200;

    private readonly object _gate = new();
    private readonly Dictionary<Guid, LinkedListNode<TraceRecord>> _traces = [];
    private readonly Dictionary<Guid, RunRecord> _runs = [];
    private readonly LinkedList<TraceRecord> _order = [];
    private readonly ProblemList _problems = new();
    private readonly EvictedIds _evicted = new();
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;
    private int _ended;

    /// <summary>Grows with every change.</summary>
    internal long Version { get; private set; }

    /// <summary>How many runs were evicted, or arrived after their trace was.</summary>
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
                return _problems.All.Count + _order.Sum(static trace => trace.Summary.ProblemCount);
        }
    }

    internal void Apply(IEnumerable<RunWrite> writes)
    {
        lock (_gate)
        {
            foreach (var write in writes)
                Apply(write);
            SignalChange();
        }
    }

    /// <summary>Keeps the refusal of a request as a problem.</summary>
    internal void Refuse(Refusal refusal)
    {
        lock (_gate)
        {
            _problems.Add(new CollectorProblem
            {
                Code = refusal.Code,
                Severity = ProblemSeverity.Error,
                Message = refusal.Message,
                TraceId = refusal.TraceId,
                RunId = refusal.RunId,
                RunName = refusal.RunName,
                Time = timeProvider.GetUtcNow(),
            });
            SignalChange();
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
            _bytes = 0;
            _ended = 0;
            Dropped = 0;
            SignalChange();
        }
    }

    /// <summary>Lists the traces' summaries, newest first.</summary>
    internal IReadOnlyList<TraceSummary> Summaries()
    {
        lock (_gate)
            return [.. _order.Reverse().Select(static trace => trace.Summary)];
    }

    /// <summary>Lists the traces, newest first.</summary>
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

    /// <summary>Finds the traces with a run that contains a text.</summary>
    internal HashSet<Guid> Search(string text)
    {
        RunRecord[] runs;
        lock (_gate)
            runs = [.. _runs.Values];
        // Outside the lock: searching a hundred thousand payloads takes a while, and records are immutable.
        var wanted = new SearchText(text);
        var found = new HashSet<Guid>();
        foreach (var run in runs)
        {
            if (!found.Contains(run.Run.TraceId) && run.Contains(wanted))
                found.Add(run.Run.TraceId);
        }

        return found;
    }

    /// <summary>Counts, for each trace, the problems that its summary does not count.</summary>
    internal IReadOnlyDictionary<Guid, int> NotedProblems()
    {
        lock (_gate)
        {
            return _problems.All.Where(static problem => problem.TraceId is not null)
                .GroupBy(static problem => problem.TraceId!.Value)
                .ToDictionary(static group => group.Key, static group => group.Count());
        }
    }

    /// <summary>Lists a trace's problems; those of refused requests first.</summary>
    internal IReadOnlyList<CollectorProblem> Problems(Guid traceId)
    {
        lock (_gate)
        {
            return
            [
                .. _problems.All.Where(problem => problem.TraceId == traceId),
                .. _traces.TryGetValue(traceId, out var node) ? node.Value.FindProblems() : [],
            ];
        }
    }

    /// <summary>Lists all problems: of refused requests, newest first, then of the traces as they are now.</summary>
    internal IReadOnlyList<CollectorProblem> Problems()
    {
        lock (_gate)
            return [.. _problems.All, .. _order.Reverse().SelectMany(static trace => trace.FindProblems())];
    }

    /// <summary>Completes at the first change after a version; at once if there was one.</summary>
    internal Task WhenChangedSince(long version)
    {
        lock (_gate)
            return Version > version ? Task.CompletedTask : _change.Task;
    }

    private void Apply(RunWrite write)
    {
        var id = write.Run.Id;
        var known = _runs.GetValueOrDefault(id);
        if (known is null)
        {
            // Half a trace would look like one that lost its root.
            if (write.TraceId is { } traceId && _evicted.Contains(traceId))
            {
                Dropped += write.IsCreate ? 1 : 0;
                return;
            }

            // An evicted run must not come back as an end without a start.
            if (_evicted.Contains(id))
                return;
        }

        PutBelowParent(write);
        var run = (known ?? new RunRecord(id, timeProvider.GetUtcNow())).Apply(write, Intern);
        if (known is not null)
        {
            Uncount(known);
            // Until now only its end was known, without its trace.
            if (known.Run.TraceId != run.Run.TraceId)
                RemoveFromTrace(known);
        }

        Count(run);
        if (!_traces.TryGetValue(run.Run.TraceId, out var node))
            _traces.Add(run.Run.TraceId, node = _order.AddLast(new TraceRecord(run.Run.TraceId)));
        node.Value.Put(run);
        Evict(node.Value);
    }

    // The API's documentation posts children with only their parent's id, parents first.
    private void PutBelowParent(RunWrite write)
    {
        var run = write.Run;
        if (!write.IsCreate || write.TraceId is not null || write.DottedOrder is not null
            || run.ParentRunId is not { } parentId || parentId == run.Id
            || !_runs.TryGetValue(parentId, out var parent) || !RunValidator.TryReadStart(parent.Run.DottedOrder, out var earliest))
            return;
        var start = (write.Said.HasFlag(RunFields.StartTime) ? run.StartTime : timeProvider.GetUtcNow()).UtcDateTime;
        write.SetPath(parent.Run.TraceId, DottedOrder.Append(parent.Run.DottedOrder, start > earliest ? start : earliest, run.Id));
    }

    private void Count(RunRecord run)
    {
        _runs[run.Run.Id] = run;
        _bytes += run.Size;
        _ended += run.Run.EndTime is null ? 0 : 1;
    }

    private void Uncount(RunRecord run)
    {
        _runs.Remove(run.Run.Id);
        _bytes -= run.Size;
        _ended -= run.Run.EndTime is null ? 0 : 1;
    }

    private void RemoveFromTrace(RunRecord run)
    {
        if (!_traces.TryGetValue(run.Run.TraceId, out var node))
            return;
        node.Value.Remove(run.Run.Id);
        if (node.Value.Runs.Count == 0)
        {
            _traces.Remove(run.Run.TraceId);
            _order.Remove(node);
        }
    }

    // The trace that is being written is evicted last.
    private void Evict(TraceRecord written)
    {
        while ((_runs.Count > maxRuns || _bytes > maxBytes) && _order.First is { } oldest)
        {
            if (ReferenceEquals(oldest.Value, written) && oldest.Next is { } next)
                oldest = next;
            if (ReferenceEquals(oldest.Value, written))
            {
                Shrink(written);
                continue;
            }

            foreach (var run in oldest.Value.Runs)
            {
                Uncount(run);
                Dropped++;
            }

            _traces.Remove(oldest.Value.Id);
            _order.Remove(oldest);
            _evicted.Add(oldest.Value.Id);
        }
    }

    // A trace that alone is too large loses the last run of its tree, so that the tree above stays whole. A single run loses
    // its payload; if its name alone is too large, the run is evicted.
    private void Shrink(TraceRecord trace)
    {
        var last = trace.Runs.MaxBy(static run => run.Run.DottedOrder, StringComparer.Ordinal)!;
        var isSingle = trace.Runs.Count == 1;
        Uncount(last);
        if (isSingle && last.DropPayload() is var rest && _bytes + rest.Size <= maxBytes)
        {
            Count(rest);
            trace.Put(rest);
        }
        else
        {
            Dropped++;
            RemoveFromTrace(last);
            _evicted.Add(isSingle ? trace.Id : last.Run.Id);
        }

        _problems.Add(new CollectorProblem
        {
            Code = "trace_too_large",
            Severity = ProblemSeverity.Warning,
            Message = $"The trace is larger than the collector holds ({maxRuns:N0} runs, {maxBytes:N0} bytes):"
                + " its last runs, or payloads, are dropped. Set LangSmithCollectorOptions.MaxRuns or MaxBytes.",
            TraceId = trace.Id,
            Time = timeProvider.GetUtcNow(),
        });
    }

    // Names, projects and services repeat. Identifiers used as names do not, and must not fill the table.
    private string Intern(string text)
    {
        if (_names.TryGetValue(text, out var known))
            return known;
        if (_names.Count < MaxNames && text.Length <= MaxNameLength)
            _names.Add(text, text);
        return text;
    }

    private void SignalChange()
    {
        Version++;
        var change = _change;
        _change = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        change.SetResult();
    }
}
