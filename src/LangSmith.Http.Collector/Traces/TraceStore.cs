namespace LangSmith.Http;

/// <summary>
/// The runs, in memory and within bounds: the oldest trace goes first. Thread-safe. Writes come in any order; the same one
/// twice is once.
/// </summary>
internal sealed class TraceStore(int maxRuns, long maxBytes, TimeProvider timeProvider)
{
    private const int MaxProblems = 1000;
    private const int MaxNames = 10_000;

    private readonly object _gate = new();
    private readonly Dictionary<Guid, LinkedListNode<TraceRecord>> _traces = [];
    private readonly Dictionary<Guid, RunRecord> _runs = [];
    private readonly LinkedList<TraceRecord> _order = [];
    private readonly LinkedList<CollectorProblem> _problems = [];
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private TaskCompletionSource _change = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _bytes;

    /// <summary>Grows with every change.</summary>
    internal long Version { get; private set; }

    /// <summary>How many runs went because of the bounds.</summary>
    internal long Dropped { get; private set; }

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
                return _runs.Values.Count(static run => run.EndTime is not null);
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
                refusal.Code, ProblemSeverity.Error, refusal.Message, refusal.Run?.TraceId, refusal.Run?.Id, refusal.Run?.Name, timeProvider.GetUtcNow()));
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
            _bytes = 0;
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
        return [.. runs.AsParallel().Where(run => run.Mentions(text)).Select(static run => run.TraceId)];
    }

    /// <summary>Those of requests that were refused or odd, newest first, then those of the traces as they are.</summary>
    internal IReadOnlyList<CollectorProblem> Problems()
    {
        lock (_gate)
            return [.. _problems.Reverse(), .. _order.Reverse().SelectMany(static trace => trace.Summary.Problems)];
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
            run = new RunRecord(write.Id, timeProvider.GetUtcNow());
            _runs.Add(run.Id, run);
        }

        foreach (var (code, message) in RunValidator.Warnings(write))
            Note(new CollectorProblem(code, ProblemSeverity.Warning, message, write.TraceId, write.Id, write.Name, run.Arrived));
        if (run.Contradicts(write))
        {
            Note(new CollectorProblem(
                "run_duplicate", ProblemSeverity.Warning, $"{RunValidator.Name(write)} was posted before with the same id {write.Id}, and says something else. The later one stays.",
                run.TraceId, run.Id, write.Name, timeProvider.GetUtcNow()));
        }

        var (traceId, size) = (run.TraceId, isNew ? 0 : run.Size);
        run.Apply(write, Intern);
        _bytes += run.Size - size;
        if (!isNew && run.TraceId != traceId)
            Leave(traceId, run);
        var trace = Join(run);
        trace.Changed();
        Evict(trace, run);
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

    private void Evict(TraceRecord written, RunRecord run)
    {
        while ((_runs.Count > maxRuns || _bytes > maxBytes) && _order.First is { } oldest)
        {
            // A trace that is itself too large loses its newest run: the tree above it stays whole.
            if (ReferenceEquals(oldest.Value, written))
            {
                if (oldest.Next is { } next)
                {
                    oldest = next;
                }
                else
                {
                    Remove(run);
                    Leave(run.TraceId, run);
                    Note(new CollectorProblem(
                        "trace_too_large", ProblemSeverity.Warning, $"The trace is larger than the collector holds ({maxRuns:N0} runs, {maxBytes:N0} bytes); more of its runs are dropped.",
                        run.TraceId, null, null, timeProvider.GetUtcNow()));
                    return;
                }
            }

            foreach (var gone in oldest.Value.Runs.Values)
                Remove(gone);
            _traces.Remove(oldest.Value.Id);
            _order.Remove(oldest);
        }
    }

    private void Remove(RunRecord run)
    {
        _runs.Remove(run.Id);
        _bytes -= run.Size;
        Dropped++;
    }

    private void Note(CollectorProblem problem)
    {
        for (var node = _problems.Last; node is not null; node = node.Previous)
        {
            var other = node.Value;
            if (other.Code != problem.Code || other.RunId != problem.RunId || other.Message != problem.Message)
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
        if (_names.Count < MaxNames)
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
