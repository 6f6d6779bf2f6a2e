namespace LangSmith.Http;

/// <summary>What a run is started with besides its name and inputs.</summary>
public sealed class RunOptions
{
    /// <summary>What the run continues.</summary>
    /// <value>Default: <see cref="RunParent.Current"/>.</value>
    public RunParent Parent { get; set; }

    /// <summary>What kind of step the run is, one of <see cref="RunTypes"/>.</summary>
    /// <value>Default: <see cref="RunTypes.Chain"/>.</value>
    public string RunType { get; set; } = RunTypes.Chain;

    /// <summary>Tags of this run alone; the runs below do not inherit them.</summary>
    /// <value>Default: none.</value>
    public IEnumerable<string> Tags { get; set; } = [];

    /// <summary>Metadata of this run and, by inheritance, of the runs below it. It wins over what is inherited.</summary>
    /// <value>Default: none.</value>
    public IEnumerable<KeyValuePair<string, object?>> Metadata { get; set; } = [];
}

/// <summary>
/// What a run continues: the current run (the default), nothing, another run, or what another process sent. The
/// counterpart of <c>langsmith_extra={"parent": …}</c>.
/// </summary>
public readonly struct RunParent : IEquatable<RunParent>
{
    private readonly bool _isExplicit;

    private RunParent(RunContext? context, bool isLocal)
    {
        _isExplicit = true;
        Context = ReferenceEquals(context, RunContext.Nothing) ? null : context;
        IsLocal = isLocal;
    }

    /// <summary>The run or parent that is current where the run is started.</summary>
    public static RunParent Current => default;

    /// <summary>Nothing: the run is the root of a new trace.</summary>
    public static RunParent None => new(null, false);

    internal bool IsCurrent => !_isExplicit;

    internal RunContext? Context { get; }

    // Tags come down from another process, but not from a run in this one.
    internal bool IsLocal { get; }

    /// <summary>A run of another process; null means <see cref="None"/>.</summary>
    /// <param name="context">The run.</param>
    public static implicit operator RunParent(RunContext? context) => FromContext(context);

    /// <summary>A run of this process.</summary>
    /// <param name="run">The run; it may have ended. Null means <see cref="Current"/>.</param>
    public static implicit operator RunParent(RunTree? run) => FromRun(run);

    /// <summary>A run of another process; null means <see cref="None"/>.</summary>
    /// <param name="context">The run.</param>
    public static RunParent FromContext(RunContext? context) => new(context, false);

    /// <summary>A run of this process.</summary>
    /// <param name="run">
    /// The run; it may have ended. Null, or a run that was never recorded because tracing is off or only passes through,
    /// means <see cref="Current"/>.
    /// </param>
    public static RunParent FromRun(RunTree? run) => run switch
    {
        { IsRecorded: true } => new RunParent(run.Context, true),
        // What was sampled out stays so.
        _ when ReferenceEquals(run, RunTree.NotSampled) => new RunParent(RunContext.NotSampled, false),
        _ => Current,
    };

    /// <summary>True when both mean the same run.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(RunParent left, RunParent right) => left.Equals(right);

    /// <summary>True when they mean different runs.</summary>
    /// <param name="left">One.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(RunParent left, RunParent right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(RunParent other) =>
        _isExplicit == other._isExplicit && string.Equals(Context?.DottedOrder, other.Context?.DottedOrder, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is RunParent other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_isExplicit, Context?.DottedOrder);
}
