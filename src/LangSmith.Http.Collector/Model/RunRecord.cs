namespace LangSmith.Http.Collector.Model;

/// <summary>A run as it is kept. Writes come in any order, and more than once: what an update says stays said.</summary>
internal sealed class RunRecord(Guid id, DateTimeOffset arrived)
{
    // Of the object, its entries in dictionaries and its strings' headers; measured on 100,000 runs.
    private const int Overhead = 600;

    private Fields _updated;
    private bool _namesSession;
    private string? _runType;

    [Flags]
    private enum Fields
    {
        None = 0,
        Inputs = 1,
        Outputs = 2,
        Events = 4,
        Extra = 8,
        Error = 16,
        Tags = 32,
        Times = 64,
        Identity = 128,
    }

    internal Guid Id { get; } = id;

    internal DateTimeOffset Arrived { get; } = arrived;

    internal bool HasCreate { get; private set; }

    internal Guid TraceId { get; private set; } = id;

    internal Guid? ParentRunId { get; private set; }

    internal string DottedOrder { get; private set; } = "";

    internal string Name { get; private set; } = "";

    internal string RunType => _runType ?? "chain";

    internal string Project => GivenProject ?? "default";

    /// <summary>The project as it was said; null while nothing said one.</summary>
    internal string? GivenProject { get; private set; }

    internal string Service { get; private set; } = "unknown";

    internal DateTimeOffset StartTime => GivenStartTime ?? Arrived;

    /// <summary>The start as it was said; null while nothing said one.</summary>
    internal DateTimeOffset? GivenStartTime { get; private set; }

    internal DateTimeOffset? EndTime { get; private set; }

    internal string? Error { get; private set; }

    internal IReadOnlyList<string> Tags { get; private set; } = [];

    internal byte[]? Inputs { get; private set; }

    internal byte[]? Outputs { get; private set; }

    internal byte[]? Events { get; private set; }

    internal byte[]? Extra { get; private set; }

    internal IReadOnlyList<CollectedAttachment> Attachments { get; private set; } = [];

    internal RunStatus Status => Error is not null ? RunStatus.Error : EndTime is null ? RunStatus.Pending : RunStatus.Ok;

    /// <summary>Whether a second <c>post</c> said something else than the first: two runs have one id.</summary>
    internal bool IsDuplicate { get; private set; }

    /// <summary>What every run has, and the <c>post</c> of this one had not; empty mostly.</summary>
    internal string Missing => Name.Length > 0 && _runType is not null && GivenStartTime is not null
        ? ""
        : string.Join(", ", ((string?[])[Name.Length > 0 ? null : "name", _runType is null ? "run_type" : null, GivenStartTime is null ? "start_time" : null]).OfType<string>());

    /// <summary>Without a name it is the default project, if the <c>post</c> is here to leave it out.</summary>
    internal bool IsProjectKnown => GivenProject is not null || (HasCreate && !_namesSession);

    internal int Depth => DottedOrder.AsSpan().Count('.');

    /// <summary>About how many bytes it holds.</summary>
    internal long Size => Overhead
        + (2L * (DottedOrder.Length + Name.Length + RunType.Length + Project.Length + Service.Length + (Error?.Length ?? 0) + Tags.Sum(static tag => tag.Length + 16)))
        + Length(Inputs) + Length(Outputs) + Length(Events) + Length(Extra) + Attachments.Sum(static item => (long)item.Content.Length + (2 * (item.Name.Length + item.ContentType.Length)));

    internal RunRecord Copy() => (RunRecord)MemberwiseClone();

    internal void Apply(RunWrite write, Func<string, string> intern)
    {
        IsDuplicate |= Contradicts(write);
        TraceId = write.TraceId ?? TraceId;
        ParentRunId = write.ParentRunId ?? ParentRunId;
        DottedOrder = write.DottedOrder ?? DottedOrder;
        if (Says(write, Fields.Identity, write.Name) is { } name)
            Name = intern(name);
        _runType = write.RunType is { } type ? intern(type) : _runType;
        GivenProject = (write.Address ?? write.Project) is { } project ? intern(project) : GivenProject;
        _namesSession |= write.NamesSession;
        Service = write.Service is { } service ? intern(service) : Service;
        GivenStartTime = write.StartTime ?? GivenStartTime;
        EndTime = Says(write, Fields.Times, write.EndTime) ?? EndTime;
        Error = Says(write, Fields.Error, write.Error) ?? Error;
        Tags = Says(write, Fields.Tags, write.Tags) ?? Tags;
        Inputs = Says(write, Fields.Inputs, write.Inputs) ?? Inputs;
        Outputs = Says(write, Fields.Outputs, write.Outputs) ?? Outputs;
        Events = Says(write, Fields.Events, write.Events) ?? Events;
        Extra = Says(write, Fields.Extra, write.Extra) ?? Extra;
        if (write.Attachments.Count > 0)
            Attachments = [.. write.Attachments.Concat(Attachments).DistinctBy(static item => item.Name)];
        HasCreate |= write.IsCreate;
        // Without a dotted order (a single POST may leave it out) the run is the root of its own trace.
        if (DottedOrder.Length == 0 && write.IsCreate)
            DottedOrder = Propagation.DottedOrder.Append(null, StartTime.UtcDateTime, Id);
    }

    /// <summary>There is no room for more than what the run is called.</summary>
    internal void DropPayload()
    {
        Inputs = Outputs = Events = Extra = null;
        Attachments = [];
        Tags = [];
        Error = Error is null ? null : "(dropped)";
    }

    internal bool Mentions(SearchText text) =>
        text.IsIn(Name) || text.StartsId(Id) || text.IsIn(Error) || Tags.Any(text.IsIn) || text.IsInJson(Inputs) || text.IsInJson(Outputs) || text.IsInJson(Extra);

    // What an update changed is not what a retry of the post says again.
    private bool Contradicts(RunWrite write) => HasCreate && write.IsCreate
        && ((write.DottedOrder is { } order && order != DottedOrder)
            || (write.Name is { } name && !_updated.HasFlag(Fields.Identity) && name != Name)
            || (write.Inputs is not null && Inputs is not null && !_updated.HasFlag(Fields.Inputs) && !write.Inputs.AsSpan().SequenceEqual(Inputs)));

    private static int Length(byte[]? bytes) => bytes?.Length ?? 0;

    // What a write says about a field; nothing where an update has spoken before its create arrived.
    private T? Says<T>(RunWrite write, Fields field, T? value)
    {
        if (value is null || (write.IsCreate && _updated.HasFlag(field)))
            return default;
        if (!write.IsCreate)
            _updated |= field;
        return value;
    }
}
