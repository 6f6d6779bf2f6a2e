using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Traces;

namespace LangSmith.Http.Collector.Validation;

/// <summary>
/// What is wrong in a trace as it is now, and not wrong enough to be refused. What only shows when the runs are seen
/// together may go away when more of them arrive.
/// </summary>
internal static class TraceValidator
{
    internal static IEnumerable<CollectorProblem> Find(TraceRecord trace)
    {
        foreach (var run in trace.Runs.Values)
        {
            if (!run.HasCreate)
            {
                var who = run.Name.Length > 0 ? RunValidator.Name(run) : $"run {run.Id}";
                yield return Problem(trace, run, "create_missing", $"Only updates of {who} arrived; its post is missing.");
            }
            else
            {
                foreach (var (code, message) in RunValidator.Warnings(run))
                    yield return Problem(trace, run, code, message);
                if (run.EndTime is null)
                    yield return Problem(trace, run, "run_pending", $"{RunValidator.Name(run)} has not ended: no end_time has arrived.");
            }

            if (run.ParentRunId is not { } parentId)
                continue;
            if (!trace.Runs.TryGetValue(parentId, out var parent))
                yield return Problem(trace, run, "parent_missing", $"{RunValidator.Name(run)} has the parent {parentId}, which nobody posted: LangSmith shows it outside its tree. The service of the parent does not record, or has not sent it yet.");
            else if (!IsBelow(run.DottedOrder, parent.DottedOrder))
                yield return Problem(trace, run, "parent_dotted_order", $"{RunValidator.Name(run)} has a dotted_order that does not go on from that of its parent {RunValidator.Name(parent)}: LangSmith shows it elsewhere. Write the parent's, a dot, and the run's own part.");
        }

        var projects = trace.Runs.Values.Where(static run => run.IsProjectKnown).Select(static run => run.Project).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (projects.Count > 1)
        {
            var first = trace.Runs.Values.MinBy(static run => run.DottedOrder, StringComparer.Ordinal)!;
            yield return Problem(trace, first, "projects_differ", $"The trace is spread over the projects '{string.Join("', '", projects)}': LangSmith shows it in pieces. Send all of its runs to one.");
        }
    }

    private static bool IsBelow(string order, string parent) =>
        parent.Length == 0 || (order.Length > parent.Length && order[parent.Length] == '.' && order.StartsWith(parent, StringComparison.Ordinal));

    private static CollectorProblem Problem(TraceRecord trace, RunRecord run, string code, string message) =>
        new(code, ProblemSeverity.Warning, message, trace.Id, run.Id, RunValidator.Shorten(run.Name), run.Arrived);
}
