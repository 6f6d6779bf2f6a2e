using LangSmith.Http;

namespace Quickstart;

/// <summary>Something that must hold, and where it does not.</summary>
internal sealed record Check(string What, IReadOnlyList<string> Broken)
{
    public bool Holds => Broken.Count == 0;
}

/// <summary>Looks at the joined runs of all services, and at what crossed the wire. Believes neither.</summary>
internal sealed class Checks(IReadOnlyList<Tree> trees, IReadOnlyList<ServiceRun> runs, IReadOnlyList<Hop> hops)
{
    public IEnumerable<Check> All() =>
    [
        ForTrees("each question has exactly one root, in the console", tree =>
            Roots(tree).Select(root => root.Service).SequenceEqual(["console"])),
        ForTrees("every service appears", tree => tree.Runs.Select(run => run.Service).Distinct().Count() == 3),
        ForTrees("one trace id within a question", tree => tree.Runs.Select(run => run.Run.TraceId).Distinct().Count() == 1),
        new("no two questions share a trace, and no run is left over", LeftOver()),
        ForRuns("every parent is present", (run, parent) => run.ParentRunId is null || parent is not null),
        ForRuns("dotted orders: the parent's, a dot, one segment with the run's own id", HasDottedOrder),
        ForRuns("no child starts before its parent", (run, parent) => parent is null || run.StartTime >= parent.StartTime),
        ForRuns("every run has ended", (run, _) => run.EndTime >= run.StartTime),
        ForRuns("everything is in the console's project", (run, _) => run.Project == "quickstart"),
        ForTrees("thread_id came down to every run", tree =>
            tree.Runs.All(run => run.Run.Metadata.TryGetValue("thread_id", out var id) && id.GetString() == tree.Question.ThreadId)),
        ForTrees("the question that fails is recorded as failed, no other is", tree =>
            Roots(tree).Any(root => root.Run.Error is not null) == tree.Question.Fails),
        new("every hop carried each header once",
            [.. hops.Where(hop => hop.Trace.Count != 1 || hop.Baggage.Count != 1).Select(hop => hop.Path)]),
        SameBytes("the retried attempts carried equal bytes", hop => hop.Attempt > 1),
        SameBytes("the redirected request carried equal bytes", hop => hop.Status == StatusCodes.Status307TemporaryRedirect),
    ];

    private static IEnumerable<ServiceRun> Roots(Tree tree) => tree.Runs.Where(run => run.Run.ParentRunId is null);

    private static bool HasDottedOrder(RecordedRun run, RecordedRun? parent)
    {
        var prefix = parent is null ? "" : parent.DottedOrder + ".";
        return run.DottedOrder.StartsWith(prefix, StringComparison.Ordinal)
            && run.DottedOrder[prefix.Length..] is { Length: 58 } segment   // 22 of time, 36 of id
            && segment.EndsWith(run.Id.ToString(), StringComparison.Ordinal);
    }

    private Check ForTrees(string what, Func<Tree, bool> holds) =>
        new(what, [.. trees.Where(tree => !holds(tree)).Select(tree => tree.Question.Topic)]);

    private Check ForRuns(string what, Func<RecordedRun, RecordedRun?, bool> holds) =>
        new(what, [.. from tree in trees
                      from run in tree.Runs
                      let parent = tree.Runs.FirstOrDefault(other => other.Run.Id == run.Run.ParentRunId)
                      where !holds(run.Run, parent?.Run)
                      select $"{tree.Question.Topic}/{run.Run.Name}"]);

    private IReadOnlyList<string> LeftOver() =>
    [
        .. runs.Except(trees.SelectMany(tree => tree.Runs)).Select(run => run.Run.Name),
        .. trees.SelectMany(tree => tree.Runs.Select(run => (run.Run.TraceId, tree.Question.Topic)).Distinct())
            .GroupBy(pair => pair.TraceId).Where(trace => trace.Count() > 1)
            .Select(trace => string.Join(" with ", trace.Select(pair => pair.Topic))),
    ];

    // All that came from one sender about one topic is one call: its attempts, and where it was redirected to.
    private Check SameBytes(string what, Func<Hop, bool> isMeant)
    {
        var calls = hops.GroupBy(hop => (hop.From, hop.Topic)).Where(call => call.Any(isMeant)).ToList();
        var broken = calls.Where(call => call.Count() < 2 || call.Select(hop => (hop.Trace, hop.Baggage)).Distinct().Count() > 1);
        return new(what, calls.Count == 0 ? ["there was none"] : [.. broken.Select(call => call.Key.Topic)]);
    }
}
