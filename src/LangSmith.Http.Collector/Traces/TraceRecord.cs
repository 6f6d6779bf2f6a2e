using System.Text.Json;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Validation;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Collector.Traces;

/// <summary>The runs of one trace, and their summary. Only <see cref="TraceStore"/> uses it, under its lock.</summary>
internal sealed class TraceRecord(Guid id)
{
    private readonly Dictionary<Guid, RunRecord> _runs = [];
    private TraceSummary? _summary;
    private long _changes;

    internal Guid Id { get; } = id;

    internal IReadOnlyCollection<RunRecord> Runs => _runs.Values;

    /// <summary>The summary; computed after each change, when it is first read.</summary>
    internal TraceSummary Summary => _summary ??= Summarize();

    internal void Put(RunRecord run)
    {
        _runs[run.Run.Id] = run;
        OnChange();
    }

    internal void Remove(Guid runId)
    {
        _runs.Remove(runId);
        OnChange();
    }

    /// <summary>Lists the runs in the order of the tree, which is the ordinal order of dotted orders.</summary>
    internal List<RunRecord> GetRunsInTreeOrder()
    {
        var runs = _runs.Values.ToList();
        runs.Sort(static (left, right) => string.CompareOrdinal(left.Run.DottedOrder, right.Run.DottedOrder));
        return runs;
    }

    internal IEnumerable<CollectorProblem> FindProblems() => TraceValidator.Find(Id, _runs);

    private void OnChange()
    {
        _summary = null;
        _changes++;
    }

    private TraceSummary Summarize()
    {
        var first = Runs.First();
        var (end, errors, pending, isOpen) = (first.Run.StartTime, 0, 0, false);
        var projects = new SortedSet<string>(StringComparer.Ordinal);
        var services = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (var record in Runs)
        {
            var run = record.Run;
            if (run.StartTime < first.Run.StartTime)
                first = record;
            if (run.EndTime > end)
                end = run.EndTime.Value;
            errors += record.Status == RunStatus.Error ? 1 : 0;
            pending += record.Status == RunStatus.Pending ? 1 : 0;
            isOpen |= run.EndTime is null;
            if (record.IsProjectKnown)
                projects.Add(record.Project);
            if (!services.TryGetValue(record.Service, out var since) || run.StartTime < since)
                services[record.Service] = run.StartTime;
        }

        var root = _runs.GetValueOrDefault(Id) ?? first;
        var start = first.Run.StartTime;
        return new TraceSummary(
            Id,
            _changes,
            root.Run.Name,
            root.Project,
            projects.Count > 0 ? [.. projects] : [root.Project],
            [.. services.OrderBy(static service => service.Value).Select(static service => service.Key)],
            errors > 0 ? RunStatus.Error : pending > 0 ? RunStatus.Pending : RunStatus.Ok,
            start,
            isOpen ? null : end > start ? end - start : TimeSpan.Zero,
            _runs.Count,
            errors,
            pending,
            GetThreadId(root),
            FindProblems().Count());
    }

    private static string? GetThreadId(RunRecord root)
    {
        if (root.Extra is not { } extra
            || !RawJson.Parse(extra.Utf8).TryGetProperty("metadata", out var metadata) || metadata.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var key in ThreadKeys.All)
        {
            if (metadata.TryGetProperty(key, out var thread) && thread.ValueKind == JsonValueKind.String)
                return thread.GetString();
        }

        return null;
    }
}
