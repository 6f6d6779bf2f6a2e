using System.Globalization;
using System.Text;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Collector.Validation;

namespace LangSmith.Http;

/// <summary>A trace as the collector has it: a snapshot.</summary>
public sealed class CollectedTrace
{
    private readonly TraceSummary _summary;

    internal CollectedTrace(TraceRecord trace)
    {
        _summary = trace.Summary;
        Problems = [.. TraceValidator.Find(trace)];
        Runs = [.. trace.InTreeOrder().Select(static run => new CollectedRun(run))];
        Root = Runs.FirstOrDefault(run => run.Id == trace.Id);
    }

    /// <summary>The id of the root run.</summary>
    public Guid Id => _summary.Id;

    /// <summary>The root's name; while it has not arrived, that of the run that started first.</summary>
    public string Name => _summary.Name;

    /// <summary>The root; null while it has not arrived.</summary>
    public CollectedRun? Root { get; }

    /// <summary>All runs, in the order of the tree: each behind its parent, siblings by start.</summary>
    public IReadOnlyList<CollectedRun> Runs { get; }

    /// <summary>The services whose runs are in it, by the start of their first.</summary>
    public IReadOnlyList<string> Services => _summary.Services;

    /// <summary>The projects its runs are in, sorted; more than one is a problem.</summary>
    public IReadOnlyList<string> Projects => _summary.Projects;

    /// <summary>How the trace stands.</summary>
    public RunStatus Status => _summary.Status;

    /// <summary>When its first run started, in UTC.</summary>
    public DateTimeOffset StartTime => _summary.StartTime;

    /// <summary>From the first start to the last end; null while a run is open.</summary>
    public TimeSpan? Duration => _summary.Duration;

    /// <summary>What is wrong with it, as far as it is known: of requests that were refused the collector tells.</summary>
    public IReadOnlyList<CollectorProblem> Problems { get; }

    internal TraceSummary Summary => _summary;

    /// <summary>The runs with a name, in the order of the tree.</summary>
    /// <param name="name">The name.</param>
    public IReadOnlyList<CollectedRun> Named(string name) => [.. Runs.Where(run => run.Name == name)];

    /// <summary>The tree, a line for each run: name, service, duration, outcome.</summary>
    public override string ToString()
    {
        var lines = Lines().ToList();
        var nameWidth = lines.Count == 0 ? 0 : lines.Max(static line => line.Name.Length);
        var serviceWidth = lines.Count == 0 ? 0 : lines.Max(static line => line.Run.Service.Length);
        var text = new StringBuilder();
        foreach (var (name, run) in lines)
        {
            var duration = run.Duration is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds,9:F1} ms") : "     pending";
            var outcome = run.Status switch
            {
                RunStatus.Error => $"  ✗ {run.Error!.Split('\n')[0]}",
                RunStatus.Ok => "  ✓",
                _ => "",
            };
            text.Append(name.PadRight(nameWidth)).Append("  ").Append(run.Service.PadRight(serviceWidth)).Append(duration).Append(outcome).Append('\n');
        }

        return text.ToString();
    }

    // ask
    // ├─ answer
    // │  └─ write
    // └─ rate
    private IEnumerable<(string Name, CollectedRun Run)> Lines()
    {
        // A parent that is no higher in the tree is none: two runs may name each other.
        var known = Runs.ToDictionary(static run => run.Id, static run => run.Record.Depth);
        var children = Runs.ToLookup(run => run.ParentRunId is { } parent && known.TryGetValue(parent, out var depth) && depth < run.Record.Depth ? parent : Guid.Empty);
        var open = new Stack<(CollectedRun Run, string Indent, bool IsTop, bool IsLast)>(
            children[Guid.Empty].Reverse().Select(static run => (run, "", true, true)));
        while (open.TryPop(out var item))
        {
            var (run, indent, isTop, isLast) = item;
            var mark = isTop ? run.ParentRunId is null ? "" : "?─ " : isLast ? "└─ " : "├─ ";
            yield return (indent + mark + run.Name, run);
            var below = isTop ? indent : indent + (isLast ? "   " : "│  ");
            var last = true;
            foreach (var child in children[run.Id].Reverse())
            {
                open.Push((child, below, false, last));
                last = false;
            }
        }
    }
}
