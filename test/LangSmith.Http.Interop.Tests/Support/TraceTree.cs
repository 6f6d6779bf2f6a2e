using System.Text;
using System.Text.RegularExpressions;

namespace LangSmith.Http.Interop.Tests;

/// <summary>The joined runs of one trace, whoever recorded them; a tree, or the test fails.</summary>
internal sealed partial class TraceTree
{
    private readonly ILookup<string?, TracedRun> _children;

    private TraceTree(IReadOnlyList<TracedRun> runs)
    {
        Runs = runs;
        _children = runs.OrderBy(static run => run.Name, StringComparer.Ordinal).ToLookup(static run => run.ParentRunId);
    }

    public IReadOnlyList<TracedRun> Runs { get; }

    public TracedRun Root => _children[null].Single();

    /// <summary>The run of a service with a name that occurs once, or once below the parent that is named.</summary>
    public TracedRun this[string service, string name, string? parent = null] => Runs.Single(run =>
        run.Service == service && run.Name == name && (parent is null || Runs.Single(other => other.Id == run.ParentRunId).Name == parent));

    /// <summary>Joins runs into traces. Every run's identity is exact, or the test fails.</summary>
    public static IReadOnlyList<TraceTree> Join(IEnumerable<TracedRun> runs)
    {
        var all = runs.ToList();
        var byId = all.ToLookup(static run => run.Id);
        using (Assert.EnterMultipleScope())
        {
            foreach (var run in all)
            {
                var what = $"{run.Service} {run.Name} {run.DottedOrder}";
                Assert.That(byId[run.Id].Count(), Is.EqualTo(1), $"recorded once: {what}");
                Assert.That(run.HasEnded, Is.True, $"ended: {what}");
                var prefix = "";
                if (run.ParentRunId is null)
                {
                    Assert.That(run.TraceId, Is.EqualTo(run.Id), $"a root is its trace: {what}");
                }
                else if (byId[run.ParentRunId].FirstOrDefault() is { } parent)
                {
                    Assert.That(run.TraceId, Is.EqualTo(parent.TraceId), $"the parent's trace: {what}");
                    Assert.That(run.Project, Is.EqualTo(parent.Project), $"the parent's project: {what}");
                    prefix = parent.DottedOrder + ".";
                }
                else
                {
                    Assert.Fail($"nobody recorded the parent {run.ParentRunId} of {what}");
                }

                Assert.That(run.DottedOrder, Does.StartWith(prefix), "the parent's dotted order");
                var segment = Segment().Match(run.DottedOrder[Math.Min(prefix.Length, run.DottedOrder.Length)..]);
                Assert.That(segment.Groups["id"].Value, Is.EqualTo(run.Id), $"one segment of its own: {what}");
            }
        }

        return [.. all.GroupBy(static run => run.TraceId).Select(static trace => new TraceTree([.. trace]))];
    }

    /// <summary>One line per run, siblings by name, a cross where an error is.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Append(Root, 0);
        return text.ToString();

        void Append(TracedRun run, int depth)
        {
            text.Append(' ', depth * 2).Append(run.Name).Append(" (").Append(run.Service).Append(run.Error is null ? ")\n" : ") ✗\n");
            foreach (var child in _children[run.Id])
                Append(child, depth + 1);
        }
    }

    [GeneratedRegex(@"^\d{8}T\d{12}Z(?<id>[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$", RegexOptions.ExplicitCapture)]
    private static partial Regex Segment();
}
