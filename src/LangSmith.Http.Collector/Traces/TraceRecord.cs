using System.Text.Json;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Validation;

namespace LangSmith.Http.Collector.Traces;

/// <summary>The runs of a trace as they are kept, and what can be said about them together.</summary>
internal sealed class TraceRecord(Guid id)
{
    private static readonly string[] ThreadKeys = ["thread_id", "session_id", "conversation_id"];

    private TraceSummary? _summary;
    private long _changes;

    internal Guid Id { get; } = id;

    internal Dictionary<Guid, RunRecord> Runs { get; } = [];

    /// <summary>Kept until a run changes.</summary>
    internal TraceSummary Summary => _summary ??= Summarize();

    internal void Changed()
    {
        _summary = null;
        _changes++;
    }

    /// <summary>In the order of the tree, which ordinal order of dotted orders is.</summary>
    internal List<RunRecord> InTreeOrder()
    {
        var runs = Runs.Values.ToList();
        runs.Sort(static (left, right) => string.CompareOrdinal(left.DottedOrder, right.DottedOrder));
        return runs;
    }

    private TraceSummary Summarize()
    {
        var first = Runs.Values.First();
        var (end, errors, pending, isOpen) = (first.StartTime, 0, 0, false);
        var projects = new SortedSet<string>(StringComparer.Ordinal);
        var services = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        foreach (var run in Runs.Values)
        {
            if (run.StartTime < first.StartTime)
                first = run;
            if (run.EndTime > end)
                end = run.EndTime.Value;
            errors += run.Status == RunStatus.Error ? 1 : 0;
            pending += run.Status == RunStatus.Pending ? 1 : 0;
            isOpen |= run.EndTime is null;
            if (run.IsProjectKnown)
                projects.Add(run.Project);
            if (!services.TryGetValue(run.Service, out var since) || run.StartTime < since)
                services[run.Service] = run.StartTime;
        }

        var root = Runs.GetValueOrDefault(Id) ?? first;
        string[] allProjects = projects.Count > 0 ? [.. projects] : [root.Project];
        return new TraceSummary(
            Id,
            _changes,
            root.Name,
            root.Project,
            allProjects,
            [.. services.OrderBy(static service => service.Value).Select(static service => service.Key)],
            errors > 0 ? RunStatus.Error : pending > 0 ? RunStatus.Pending : RunStatus.Ok,
            first.StartTime,
            isOpen ? null : end > first.StartTime ? end - first.StartTime : TimeSpan.Zero,
            Runs.Count,
            errors,
            pending,
            ThreadOf(root),
            TraceValidator.Find(this).Count());
    }

    private static string? ThreadOf(RunRecord root)
    {
        if (root.Extra is null)
            return null;
        using var extra = JsonDocument.Parse(root.Extra, JsonText.Options);
        if (!extra.RootElement.TryGetProperty("metadata", out var metadata) || metadata.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var key in ThreadKeys)
        {
            if (metadata.TryGetProperty(key, out var thread) && thread.ValueKind == JsonValueKind.String)
                return thread.GetString();
        }

        return null;
    }
}

/// <summary>A line of the list of traces.</summary>
internal sealed record TraceSummary(
    Guid Id,
    long Changes,
    string Name,
    string Project,
    IReadOnlyList<string> Projects,
    IReadOnlyList<string> Services,
    RunStatus Status,
    DateTimeOffset StartTime,
    TimeSpan? Duration,
    int Runs,
    int Errors,
    int Pending,
    string? ThreadId,
    int ProblemCount);
