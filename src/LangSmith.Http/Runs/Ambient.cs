using System.Diagnostics;
using System.Text.Json;

namespace LangSmith.Http.Runs;

/// <summary>
/// What is current in this flow of execution: one node per scope in one <see cref="AsyncLocal{T}"/>. What it says is
/// immutable. A captured <see cref="ExecutionContext"/> keeps the node, hence it holds no more than a run's identity: a
/// run drops its payload when it ends. What was current before is held by the <see cref="Scope"/>, not by the node, so that
/// a scope that somebody forgets to end holds nothing.
/// </summary>
internal sealed class Ambient
{
    // More run scopes than this inside each other were forgotten: a header carries fewer.
    private const int MaxNestedRuns = 256;

    private static readonly AsyncLocal<Ambient?> Slot = new();

    // Stands for "nothing is current" where a node is replaced.
    private static readonly Ambient Nothing = new(null);

#if DEBUG
    // Work is counted, not timed.
    [ThreadStatic]
    private static long s_steps;

    internal static long Steps => s_steps;
#endif

    // Null in most scopes: a node is made for each run.
    private Defaults? _defaults;

    // What takes this node's place, once its scope was ended where it is not current.
    private Ambient? _replacement;

    // Its scope was ended where it was current: flows that captured it keep it.
    private bool _isLeft;

    private int _nestedRuns;

    /// <summary>Copies everything a scope inside another one inherits.</summary>
    private Ambient(Ambient? outer)
    {
        if (outer is null)
            return;
        Run = outer.Run;
        Parent = outer.Parent;
        _defaults = outer._defaults;
        _nestedRuns = outer._nestedRuns;
        Enabled = outer.Enabled;
        IsSuppressed = outer.IsSuppressed;
    }

    internal static Ambient? Current => Slot.Value;

    /// <summary>The run that is being written; null when there is none, or only a remote parent.</summary>
    internal RunTree? Run { get; private init; }

    /// <summary>The run of another process that the next run continues.</summary>
    internal RunContext? Parent { get; private init; }

    internal string? Project => _defaults?.Project;

    internal IReadOnlyList<string> Tags => _defaults?.Tags ?? [];

    internal IReadOnlyDictionary<string, JsonElement> Metadata => _defaults?.Metadata ?? RunContext.NoMetadata;

    /// <summary>The part of <see cref="Metadata"/> the current run does not have yet: the nearer value wins over the run's own.</summary>
    internal IReadOnlyDictionary<string, JsonElement> MetadataSinceRun => _defaults?.MetadataSinceRun ?? RunContext.NoMetadata;

    internal bool? Enabled { get; private init; }

    internal bool IsSuppressed { get; private init; }

    /// <summary>Whether outbound headers have anything to name.</summary>
    internal bool HasContext => Run is not null || Parent is not null;

    /// <summary>What outbound headers name: the run, else the remote parent as it came.</summary>
    internal RunContext? Context => Run?.Context ?? Parent;

    /// <summary>What a run of this recorder continues here: the nearest run it records, else the remote parent.</summary>
    internal RunParent ParentFor(IRunRecorder recorder)
    {
        var isOthers = Run is { } run ? !run.IsRecordedBy(recorder) : _defaults?.SampledOutBy is { } decider && !ReferenceEquals(decider, recorder);
        if (!isOthers)
            return Run is not null ? RunParent.FromRun(Run) : RunParent.FromContext(Parent);
        foreach (var nearest in _defaults?.OtherRuns ?? [])
        {
            if (nearest.IsRecordedBy(recorder))
                return RunParent.FromRun(nearest);
        }

        // Another recorder's run, which the tracer makes a root of.
        return Run is not null ? RunParent.FromRun(Run) : RunParent.None;
    }

    /// <summary>Makes a run current that starts here.</summary>
    internal static Scope EnterStarted(RunTree run)
    {
        var outer = Current;
        if (outer?._nestedRuns >= MaxNestedRuns)
            return new Scope(AtRun(run, outer, nestedRuns: 1), null);
        return new Scope(AtRun(run, outer, (outer?._nestedRuns ?? 0) + 1), outer);
    }

    internal static Scope EnterRun(RunTree run) => Enter(AtRun(run, Current, Current?._nestedRuns ?? 0));

    internal static Scope EnterParent(RunContext? parent) => Enter(new Ambient(Current)
    {
        Run = null,
        Parent = ReferenceEquals(parent, RunContext.Nothing) ? null : parent,
        IsSuppressed = false,
        _defaults = Current?._defaults is { } defaults ? defaults with { OtherRuns = [], SampledOutBy = null } : null,
    });

    /// <summary>A trace that this recorder does not record. It says nothing for another one.</summary>
    internal static Scope EnterSampledOut(RunContext context, IRunRecorder recorder) => Enter(new Ambient(Current)
    {
        Run = null,
        Parent = context,
        IsSuppressed = false,
        _defaults = (Current?._defaults ?? Defaults.None) with { OtherRuns = OthersThan(recorder, Current), SampledOutBy = recorder },
    });

    /// <summary>
    /// What a server begins a request with: the parent its caller sent, if any, and nothing of whatever is current where
    /// the request is begun, as is the case with a test server in the same process.
    /// </summary>
    internal static Scope EnterRequest(RunContext? parent, IReadOnlyDictionary<string, JsonElement> metadata) =>
        Enter(new Ambient(null)
        {
            Parent = parent,
            _defaults = metadata.Count == 0 ? null : Defaults.None with { Metadata = metadata },
        });

    internal static Scope EnterWith(string? project, string[] tags, IReadOnlyDictionary<string, JsonElement> metadata, bool? enabled)
    {
        var outer = Current;
        return Enter(new Ambient(outer)
        {
            _defaults = (outer?._defaults ?? Defaults.None) with
            {
                Project = project ?? outer?.Project,
                Tags = outer is null ? tags : [.. outer.Tags.Union(tags)],
                Metadata = Merge(outer?.Metadata, metadata),
                MetadataSinceRun = Merge(outer?.MetadataSinceRun, metadata),
            },
            // Off is off: a scope further in cannot switch it on again.
            Enabled = outer?.Enabled == false ? false : enabled ?? outer?.Enabled,
        });
    }

    // Off stays off, here too.
    internal static Scope EnterNothing() => Enter(new Ambient(null) { IsSuppressed = true, Enabled = Current?.Enabled == false ? false : null });

    internal static Scope EnterSame() => Enter(new Ambient(Current));

    private static Ambient AtRun(RunTree run, Ambient? outer, int nestedRuns)
    {
        var defaults = outer?._defaults;
        var others = OthersThan(run.Recorder, outer);
        if (defaults is not null || others.Length > 0)
            defaults = (defaults ?? Defaults.None) with { MetadataSinceRun = RunContext.NoMetadata, OtherRuns = others, SampledOutBy = null };
        return new Ambient(outer) { Run = run, Parent = null, IsSuppressed = false, _defaults = defaults, _nestedRuns = nestedRuns };
    }

    // Most processes have one recorder: nothing is allocated for it.
    private static RunTree[] OthersThan(IRunRecorder? recorder, Ambient? outer)
    {
        var others = outer?._defaults?.OtherRuns ?? [];
        var isOther = outer?.Run is { } current && !current.IsRecordedBy(recorder);
        if (!isOther && others.Length == 0)
            return others;
        var kept = new List<RunTree>();
        if (isOther)
            kept.Add(outer!.Run!);
        foreach (var run in others)
        {
            if (!run.IsRecordedBy(recorder) && !(isOther && run.IsRecordedBy(outer!.Run!.Recorder)))
                kept.Add(run);
        }

        return [.. kept];
    }

    private static IReadOnlyDictionary<string, JsonElement> Merge(IReadOnlyDictionary<string, JsonElement>? outer, IReadOnlyDictionary<string, JsonElement> added)
    {
        if (outer is null || outer.Count == 0 || added.Count == 0)
            return added.Count == 0 && outer is not null ? outer : added;
        var all = new Dictionary<string, JsonElement>(outer);
        foreach (var (key, value) in added)
            all[key] = value;
        return all;
    }

    private static Scope Enter(Ambient node) => new(node, Current);

    // What is to be restored in place of a node. The way is shortened as it is walked: each step is walked once.
    private static Ambient? Find(Ambient? node)
    {
        var found = node;
        while (found?._replacement is { } next)
        {
            CountStep();
            found = next;
        }

        while (node?._replacement is { } next && !ReferenceEquals(next, found))
        {
            node._replacement = found;
            node = next;
        }

        return ReferenceEquals(found, Nothing) ? null : found;
    }

    [Conditional("DEBUG")]
    private static void CountStep()
    {
#if DEBUG
        s_steps++;
#endif
    }

    /// <summary>Makes a node current, and restores what was current before it. Boxed, it is what users dispose.</summary>
    internal readonly struct Scope : IDisposable
    {
        private readonly Ambient? _node;
        private readonly Ambient? _outer;

        internal Scope(Ambient node, Ambient? outer)
        {
            _node = node;
            _outer = outer;
            Slot.Value = node;
        }

        /// <summary>Makes the scope current again where it was left, as between two elements of a stream.</summary>
        internal Scope Reenter() => _node is null ? default : Enter(new Ambient(_node));

        /// <summary>Restores what was current before, if the scope is current.</summary>
        internal bool Leave()
        {
            if (_node is null || !ReferenceEquals(Slot.Value, _node))
                return false;
            _node._isLeft = true;
            Slot.Value = Find(_outer);
            return true;
        }

        /// <summary>
        /// Restores what was current before, in whichever flow the scope is current. Where it is not, because a scope inside it
        /// is still open or because the flow is another one, whoever restores it gets what was current before it instead.
        /// </summary>
        public void Dispose()
        {
            if (!Leave() && _node is { _isLeft: false })
                _node._replacement = Find(_outer) ?? Nothing;
        }
    }

    // What runs started in the scope get, and what exists only where several recorders do.
    private sealed record Defaults
    {
        internal static readonly Defaults None = new();

        internal string? Project { get; init; }

        internal IReadOnlyList<string> Tags { get; init; } = [];

        internal IReadOnlyDictionary<string, JsonElement> Metadata { get; init; } = RunContext.NoMetadata;

        internal IReadOnlyDictionary<string, JsonElement> MetadataSinceRun { get; init; } = RunContext.NoMetadata;

        /// <summary>The nearest run of each recorder that does not record the current one.</summary>
        internal RunTree[] OtherRuns { get; init; } = [];

        /// <summary>The recorder that does not record the trace that is current.</summary>
        internal IRunRecorder? SampledOutBy { get; init; }
    }
}
