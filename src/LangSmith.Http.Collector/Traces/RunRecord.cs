using System.Text;

namespace LangSmith.Http;

/// <summary>A run as it is kept. Writes come in any order, and more than once: what an update says stays said.</summary>
internal sealed class RunRecord(Guid id, DateTimeOffset arrived)
{
    // Of the object, its entries in dictionaries and its strings' headers; measured on 100,000 runs.
    private const int Overhead = 600;

    private Fields _updated;

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

    internal string RunType { get; private set; } = "chain";

    internal string Project { get; private set; } = "default";

    internal string Service { get; private set; } = "unknown";

    internal DateTimeOffset StartTime { get; private set; } = arrived;

    internal DateTimeOffset? EndTime { get; private set; }

    internal string? Error { get; private set; }

    internal IReadOnlyList<string> Tags { get; private set; } = [];

    internal byte[]? Inputs { get; private set; }

    internal byte[]? Outputs { get; private set; }

    internal byte[]? Events { get; private set; }

    internal byte[]? Extra { get; private set; }

    internal IReadOnlyList<CollectedAttachment> Attachments { get; private set; } = [];

    internal RunStatus Status => Error is not null ? RunStatus.Error : EndTime is null ? RunStatus.Pending : RunStatus.Ok;

    internal int Depth => DottedOrder.AsSpan().Count('.');

    /// <summary>About how many bytes it holds.</summary>
    internal long Size => Overhead
        + (2 * (DottedOrder.Length + (Error?.Length ?? 0) + Tags.Sum(static tag => tag.Length + 16)))
        + Length(Inputs) + Length(Outputs) + Length(Events) + Length(Extra) + Attachments.Sum(static item => (long)item.Content.Length);

    internal RunRecord Copy() => (RunRecord)MemberwiseClone();

    /// <summary>Whether a second <c>post</c> says something else than the first: two runs have one id.</summary>
    internal bool Contradicts(RunWrite write) => HasCreate && write.IsCreate
        && ((write.DottedOrder is { } order && order != DottedOrder) || (write.Name is { } name && name != Name)
            || (write.Inputs is not null && !_updated.HasFlag(Fields.Inputs) && !write.Inputs.AsSpan().SequenceEqual(Inputs)));

    internal void Apply(RunWrite write, Func<string, string> intern)
    {
        TraceId = write.TraceId ?? TraceId;
        ParentRunId = write.ParentRunId ?? ParentRunId;
        DottedOrder = write.DottedOrder ?? DottedOrder;
        if (Says(write, Fields.Identity, write.Name) is { } name)
            Name = intern(name);
        RunType = write.RunType is { } type ? intern(type) : RunType;
        Project = (write.Address ?? write.Project) is { } project ? intern(project) : Project;
        Service = write.Service is { } service ? intern(service) : Service;
        StartTime = write.StartTime ?? StartTime;
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
            DottedOrder = Http.DottedOrder.Append(null, StartTime.UtcDateTime, Id);
    }

    internal bool Mentions(string text) =>
        Name.Contains(text, StringComparison.OrdinalIgnoreCase)
        || Id.ToString().StartsWith(text, StringComparison.OrdinalIgnoreCase)
        || Error?.Contains(text, StringComparison.OrdinalIgnoreCase) == true
        || Tags.Any(tag => tag.Contains(text, StringComparison.OrdinalIgnoreCase))
        || Mentions(Inputs, text) || Mentions(Outputs, text) || Mentions(Extra, text);

    private static bool Mentions(byte[]? utf8, string text)
    {
        if (utf8 is null || utf8.Length < text.Length)
            return false;
        var buffer = System.Buffers.ArrayPool<char>.Shared.Rent(utf8.Length);
        try
        {
            var length = Encoding.UTF8.GetChars(utf8, buffer);
            return buffer.AsSpan(0, length).Contains(text, StringComparison.OrdinalIgnoreCase);
        }
        finally
        {
            System.Buffers.ArrayPool<char>.Shared.Return(buffer);
        }
    }

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
