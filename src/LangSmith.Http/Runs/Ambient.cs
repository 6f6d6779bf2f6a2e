using System.Text.Json;

namespace LangSmith.Http.Runs;

/// <summary>
/// What is current in this flow of execution: one node per scope in one <see cref="AsyncLocal{T}"/>. What it says is
/// immutable. A captured <see cref="ExecutionContext"/> keeps the node, hence it holds no more than a run's identity:
/// a run drops its payload when it ends.
/// </summary>
internal sealed class Ambient : IDisposable
{
    private static readonly AsyncLocal<Ambient?> Slot = new();

    // The scope to restore. Cut when this one ends, so that flows that start flows keep no chain of ended scopes.
    private Ambient? _outer;
    private bool _isDisposed;

    // Null in most scopes: a node is made for each run.
    private Defaults? _defaults;

    // Ended while scopes inside it were still open: they must not restore it.
    private bool _isSkipped;

    /// <summary>Copies everything a scope inside another one inherits.</summary>
    private Ambient(Ambient? outer)
    {
        if (outer is null)
            return;
        Run = outer.Run;
        Parent = outer.Parent;
        _defaults = outer._defaults;
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

    internal static Ambient EnterRun(RunTree run) =>
        Enter(new Ambient(Current)
        {
            Run = run,
            Parent = null,
            IsSuppressed = false,
            _defaults = Current?._defaults is { } defaults ? defaults with { MetadataSinceRun = RunContext.NoMetadata } : null,
        });

    internal static Ambient EnterParent(RunContext? parent) => Enter(new Ambient(Current)
    {
        Run = null,
        Parent = ReferenceEquals(parent, RunContext.Nothing) ? null : parent,
        IsSuppressed = false,
    });

    /// <summary>
    /// What a server begins a request with: the parent its caller sent, if any, and nothing of whatever is current where
    /// the request is begun, as is the case with a test server in the same process.
    /// </summary>
    internal static Ambient EnterRequest(RunContext? parent, IReadOnlyDictionary<string, JsonElement> metadata) =>
        Enter(new Ambient(null)
        {
            Parent = parent,
            _defaults = metadata.Count == 0 ? null : new Defaults(null, [], metadata, RunContext.NoMetadata),
        });

    internal static Ambient EnterWith(string? project, string[] tags, IReadOnlyDictionary<string, JsonElement> metadata, bool? enabled)
    {
        var outer = Current;
        return Enter(new Ambient(outer)
        {
            _defaults = new Defaults(
                project ?? outer?.Project,
                outer is null ? tags : [.. outer.Tags.Union(tags)],
                Merge(outer?.Metadata, metadata),
                Merge(outer?.MetadataSinceRun, metadata)),
            // Off is off: a scope further in cannot switch it on again.
            Enabled = outer?.Enabled == false ? false : enabled ?? outer?.Enabled,
        });
    }

    // Off stays off, here too.
    internal static Ambient EnterNothing() => Enter(new Ambient(null) { IsSuppressed = true, Enabled = Current?.Enabled == false ? false : null });

    internal static Ambient EnterSame() => Enter(new Ambient(Current));

    /// <summary>Makes a scope current again that was left, as between two elements of a stream.</summary>
    internal static Ambient Reenter(Ambient scope) => Enter(new Ambient(scope));

    /// <summary>
    /// Restores what was current before. Twice is once. Where scopes are ended in the wrong order, the ended one is
    /// left in place until the last scope inside it ends, and is then skipped.
    /// </summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        if (!ReferenceEquals(Slot.Value, this))
        {
            // Ended while a scope inside it is open in this flow: the last of those is not to restore it. Where it is no
            // scope of this flow at all, its own flow is the one to end it.
            for (var node = Slot.Value; node is not null; node = node._outer)
            {
                if (ReferenceEquals(node, this))
                    _isSkipped = _isDisposed = true;
            }

            return;
        }

        _isDisposed = true;
        var outer = _outer;
        while (outer is { _isSkipped: true })
            outer = outer._outer;
        Slot.Value = outer;
        _outer = null;
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

    private static Ambient Enter(Ambient scope)
    {
        scope._outer = Current;
        Slot.Value = scope;
        return scope;
    }

    // What runs started in the scope get.
    private sealed record Defaults(
        string? Project,
        IReadOnlyList<string> Tags,
        IReadOnlyDictionary<string, JsonElement> Metadata,
        IReadOnlyDictionary<string, JsonElement> MetadataSinceRun);
}
