using System.Globalization;
using System.Text;
using LangSmith.Http.Collector.Traces;

namespace LangSmith.Http;

/// <summary>A trace as the collector holds it. Does not change when more runs arrive.</summary>
public sealed class CollectedTrace
{
    internal CollectedTrace(TraceRecord trace)
    {
        Summary = trace.Summary;
        Problems = [.. trace.FindProblems()];
        Runs = [.. trace.GetRunsInTreeOrder().Select(static run => new CollectedRun(run))];
        Root = Runs.FirstOrDefault(run => run.Id == trace.Id);
    }

    /// <summary>The id of the root run.</summary>
    public Guid Id => Summary.Id;

    /// <summary>The root's name, or the name of the run that started first while the root has not arrived.</summary>
    public string Name => Summary.Name;

    /// <summary>The root run; null while it has not arrived.</summary>
    public CollectedRun? Root { get; }

    /// <summary>All runs, in the order of the tree: each after its parent, siblings by start.</summary>
    public IReadOnlyList<CollectedRun> Runs { get; }

    /// <summary>The services that recorded the runs, ordered by the start of their first run.</summary>
    public IReadOnlyList<string> Services => Summary.Services;

    /// <summary>The projects of the runs, sorted; more than one is a problem.</summary>
    public IReadOnlyList<string> Projects => Summary.Projects;

    /// <summary>The trace's state.</summary>
    public RunStatus Status => Summary.Status;

    /// <summary>When the first run started, in UTC.</summary>
    public DateTimeOffset StartTime => Summary.StartTime;

    /// <summary>The time from the first start to the last end; null while a run is open.</summary>
    public TimeSpan? Duration => Summary.Duration;

    /// <summary>The problems of its runs. <see cref="LangSmithCollector.Problems"/> also has those of refused requests.</summary>
    public IReadOnlyList<CollectorProblem> Problems { get; }

    internal TraceSummary Summary { get; }

    /// <summary>Finds the runs with a name, in the order of the tree.</summary>
    /// <param name="name">The name.</param>
    public IReadOnlyList<CollectedRun> Named(string name) => [.. Runs.Where(run => run.Name == name)];

    /// <summary>The tree, a line for each run: name, service, duration and state.</summary>
    public override string ToString()
    {
        var lines = GetLines().ToList();
        var nameWidth = lines.Select(static line => line.Name.Length).DefaultIfEmpty().Max();
        var serviceWidth = lines.Select(static line => line.Run.Service.Length).DefaultIfEmpty().Max();
        var text = new StringBuilder();
        foreach (var (name, run) in lines)
        {
            text.Append(name.PadRight(nameWidth)).Append("  ").Append(run.Service.PadRight(serviceWidth));
            text.Append(run.Duration is { } time
                ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds,9:F1} ms")
                : "     pending");
            text.Append(run.Status switch
            {
                RunStatus.Error => $"  ✗ {run.Error!.Split('\n')[0]}",
                RunStatus.Ok => "  ✓",
                _ => "",
            }).Append('\n');
        }

        return text.ToString();
    }

    // ask
    // ├─ answer
    // │  └─ write
    // └─ rate
    private IEnumerable<(string Name, CollectedRun Run)> GetLines()
    {
        // Two runs may name each other as parent: only a run higher in the tree counts as one.
        var known = Runs.ToDictionary(static run => run.Id, static run => run.Record.Depth);
        var children = Runs.ToLookup(run =>
            run.ParentRunId is { } parent && known.TryGetValue(parent, out var depth) && depth < run.Record.Depth ? parent : Guid.Empty);
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
