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

    /// <summary>
    /// Metadata of this run and, by inheritance, of the runs below it. It wins over what is inherited. What LangSmith counts or shows
    /// per run (<c>usage_metadata</c>, <c>ls_model_name</c> and the other <c>ls_*</c> keys of a model call) stays on this run.
    /// </summary>
    /// <value>Default: none.</value>
    public IEnumerable<KeyValuePair<string, object?>> Metadata { get; set; } = [];

    /// <summary>Metadata of this run alone: neither the runs below it nor the next service get it. It wins over <see cref="Metadata"/>.</summary>
    /// <value>Default: none.</value>
    public IEnumerable<KeyValuePair<string, object?>> OwnMetadata { get; set; } = [];

    /// <summary>
    /// Makes what is recorded of the inputs; the counterpart of <c>process_inputs</c>. It is given the inputs as they were handed over; for
    /// <c>Traceable</c> that is an <see cref="IReadOnlyDictionary{TKey, TValue}"/> of the arguments by name. If it throws, the inputs are withheld.
    /// </summary>
    /// <value>Default: null, the inputs as they are.</value>
    public Func<object?, object?>? ProcessInputs { get; set; }

    /// <summary>
    /// Makes what is recorded of a function's result; the counterpart of <c>process_outputs</c>. It is not asked about
    /// <see cref="RunTree.SetOutputs"/> and <see cref="RunTree.End"/>. If it throws, the outputs are withheld.
    /// </summary>
    /// <value>Default: null, the result as it is.</value>
    public Func<object?, object?>? ProcessOutputs { get; set; }
}

/// <summary>
/// What a run continues: the current run (the default), nothing, another run, or what another process sent. The
/// counterpart of <c>langsmith_extra={"parent": …}</c>.
/// </summary>
public readonly struct RunParent : IEquatable<RunParent>
{
    private readonly bool _isExplicit;

    private RunParent(RunContext? context, RunTree? run)
    {
        _isExplicit = true;
        Context = ReferenceEquals(context, RunContext.Nothing) ? null : context;
        Run = run;
    }

    /// <summary>The run or parent that is current where the run is started.</summary>
    public static RunParent Current => default;

    /// <summary>Nothing: the run is the root of a new trace.</summary>
    public static RunParent None => new(null, null);

    internal bool IsCurrent => !_isExplicit;

    internal RunContext? Context { get; }

    /// <summary>The run, if it is one of this process.</summary>
    internal RunTree? Run { get; }

    /// <summary>A run of another process; null means <see cref="None"/>.</summary>
    /// <param name="context">The run.</param>
    public static implicit operator RunParent(RunContext? context) => FromContext(context);

    /// <summary>A run of this process.</summary>
    /// <param name="run">The run; it may have ended. Null means <see cref="Current"/>.</param>
    public static implicit operator RunParent(RunTree? run) => FromRun(run);

    /// <summary>A run of another process; null means <see cref="None"/>.</summary>
    /// <param name="context">The run.</param>
    public static RunParent FromContext(RunContext? context) => new(context, null);

    /// <summary>A run of this process.</summary>
    /// <param name="run">
    /// The run; it may have ended. Null, or a run that was never recorded because tracing is off or only passes through,
    /// means <see cref="Current"/>.
    /// </param>
    public static RunParent FromRun(RunTree? run) => run switch
    {
        { IsRecorded: true } => new RunParent(run.Context, run),
        // What was sampled out stays so.
        { IsSampledOut: true } => new RunParent(run.Context, null),
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
