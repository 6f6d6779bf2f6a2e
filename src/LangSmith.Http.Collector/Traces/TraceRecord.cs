using System.Text.Json;

namespace LangSmith.Http;

/// <summary>The runs of a trace as they are kept, and what can be said about them together.</summary>
internal sealed class TraceRecord(Guid id)
{
    private static readonly string[] ThreadKeys = ["thread_id", "session_id", "conversation_id"];

    private TraceSummary? _summary;

    internal Guid Id { get; } = id;

    internal Dictionary<Guid, RunRecord> Runs { get; } = [];

    /// <summary>Kept until a run changes.</summary>
    internal TraceSummary Summary => _summary ??= Summarize();

    internal void Changed() => _summary = null;

    /// <summary>In the order of the tree, which ordinal order of dotted orders is.</summary>
    internal List<RunRecord> InTreeOrder()
    {
        var runs = Runs.Values.ToList();
        runs.Sort(static (left, right) => string.CompareOrdinal(left.DottedOrder, right.DottedOrder));
        return runs;
    }

    private TraceSummary Summarize()
    {
        var runs = Runs.Values;
        var root = runs.FirstOrDefault(static run => run.ParentRunId is null) ?? runs.MinBy(static run => run.StartTime)!;
        var start = runs.Min(static run => run.StartTime);
        var pending = runs.Count(static run => run.Status == RunStatus.Pending);
        var errors = runs.Count(static run => run.Status == RunStatus.Error);
        var isOpen = runs.Any(static run => run.EndTime is null);
        return new TraceSummary(
            Id,
            root.Name,
            root.Project,
            [.. runs.Select(static run => run.Project).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            [.. runs.OrderBy(static run => run.StartTime).Select(static run => run.Service).Distinct(StringComparer.Ordinal)],
            errors > 0 ? RunStatus.Error : pending > 0 ? RunStatus.Pending : RunStatus.Ok,
            start,
            isOpen ? null : runs.Max(static run => run.EndTime) - start,
            Runs.Count,
            errors,
            pending,
            ThreadOf(root),
            [.. TraceValidator.Find(this)]);
    }

    private static string? ThreadOf(RunRecord root)
    {
        if (root.Extra is null)
            return null;
        using var extra = JsonDocument.Parse(root.Extra);
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
    IReadOnlyList<CollectorProblem> Problems);
