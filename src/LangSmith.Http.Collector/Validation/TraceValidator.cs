using LangSmith.Http.Collector.Model;

namespace LangSmith.Http.Collector.Validation;

/// <summary>
/// Finds what is wrong in a trace as it is now and does not make LangSmith refuse it. Problems between runs may disappear
/// when more runs arrive.
/// </summary>
internal static class TraceValidator
{
    internal static IEnumerable<CollectorProblem> Find(Guid traceId, IReadOnlyDictionary<Guid, RunRecord> runs)
    {
        foreach (var record in runs.Values)
        {
            var run = record.Run;
            if (!record.HasCreate)
            {
                var label = run.Name.Length > 0 ? record.Label : $"run {run.Id}";
                yield return Warn(record, "create_missing", $"Only updates of {label} arrived; its post is missing.");
            }
            else
            {
                foreach (var (code, message) in RunValidator.Warnings(record))
                    yield return Warn(record, code, message);
                if (run.EndTime is null)
                    yield return Warn(record, "run_pending", $"{record.Label} has not ended: no end_time has arrived.");
            }

            if (run.ParentRunId is not { } parentId)
                continue;
            if (!runs.TryGetValue(parentId, out var parent))
                yield return Warn(record, "parent_missing", $"{record.Label} has the parent {parentId}, which was not posted:"
                    + " LangSmith shows it outside its tree. The service of the parent does not record, or has not sent it yet.");
            else if (!IsBelow(run.DottedOrder, parent.Run.DottedOrder))
                yield return Warn(record, "parent_dotted_order",
                    $"{record.Label} has a dotted_order that does not go on from that of its parent "
                    + $"{parent.Label}: LangSmith shows it elsewhere. Write the parent's, a dot, and the run's own part.");
        }

        var projects = runs.Values.Where(static record => record.IsProjectKnown).Select(static record => record.Project)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (projects.Count > 1)
        {
            var first = runs.Values.MinBy(static record => record.Run.DottedOrder, StringComparer.Ordinal)!;
            yield return Warn(first, "projects_differ", $"The trace is spread over the projects '{string.Join("', '", projects)}':"
                + " LangSmith shows it in pieces. Send all of its runs to one.");
        }

        CollectorProblem Warn(RunRecord record, string code, string message) => new()
        {
            Code = code,
            Severity = ProblemSeverity.Warning,
            Message = message,
            TraceId = traceId,
            RunId = record.Run.Id,
            RunName = RunLabel.Shorten(record.Run.Name),
            Time = record.Arrived,
        };
    }

    private static bool IsBelow(string order, string parent) =>
        parent.Length == 0
        || (order.Length > parent.Length && order[parent.Length] == '.' && order.StartsWith(parent, StringComparison.Ordinal));
}
