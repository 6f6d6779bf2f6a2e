namespace LangSmith.Http;

/// <summary>What only shows when the runs of a trace are seen together. It may go away when more of them arrive.</summary>
internal static class TraceValidator
{
    internal static IEnumerable<CollectorProblem> Find(TraceRecord trace)
    {
        foreach (var run in trace.Runs.Values)
        {
            if (!run.HasCreate)
                yield return Problem(trace, run, "create_missing", $"Only the end of run {run.Id} arrived; what it is called, and when it started, did not.");
            else if (run.EndTime is null)
                yield return Problem(trace, run, "run_pending", $"'{run.Name}' has not ended.");

            if (run.ParentRunId is not { } parentId)
                continue;
            if (!trace.Runs.TryGetValue(parentId, out var parent))
                yield return Problem(trace, run, "parent_missing", $"'{run.Name}' has parent {parentId}, which nobody posted. LangSmith shows it outside its tree.");
            else if (parent.DottedOrder.Length > 0 && !run.DottedOrder.StartsWith(parent.DottedOrder + ".", StringComparison.Ordinal))
                yield return Problem(trace, run, "parent_dotted_order", $"'{run.Name}' has a dotted_order that does not go on from that of its parent '{parent.Name}'. LangSmith shows it elsewhere.");
        }

        var projects = trace.Runs.Values.Select(static run => run.Project).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (projects.Count > 1)
        {
            var first = trace.Runs.Values.MinBy(static run => run.DottedOrder, StringComparer.Ordinal)!;
            yield return Problem(trace, first, "projects_differ", $"The trace is spread over the projects {string.Join(", ", projects)}: LangSmith shows it in pieces.");
        }
    }

    private static CollectorProblem Problem(TraceRecord trace, RunRecord run, string code, string message) =>
        new(code, ProblemSeverity.Warning, message, trace.Id, run.Id, run.Name, run.Arrived);
}
