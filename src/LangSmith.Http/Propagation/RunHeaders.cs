using System.Buffers;
using System.Text;
using System.Text.Json;

namespace LangSmith.Http.Propagation;

/// <summary>
/// One run's two header values in one <see cref="HeaderFormat"/>, built once: our members in the order of the other
/// SDKs (metadata, tags, project or address), and the shorter forms that are sent when the line would be too long.
/// </summary>
internal sealed class RunHeaders
{
    private const string NotSampledMember = "langsmith-sampled=0";

    private readonly string? _metadata;
    private readonly string? _threadMetadata;
    private readonly string? _tags;
    private readonly string? _destination;
    private readonly bool _hasMetadata;

    private RunHeaders(HeaderFormat format, string? trace, string? metadata, string? threadMetadata, bool hasMetadata, string? tags, string? destination)
    {
        Format = format;
        Trace = trace;
        _metadata = metadata;
        _threadMetadata = threadMetadata;
        _hasMetadata = hasMetadata;
        _tags = tags;
        _destination = destination;
        Baggage = Fit(0, out var dropped);
        Dropped = dropped;
    }

    /// <summary>What this was built for; the cache's key.</summary>
    internal HeaderFormat Format { get; }

    /// <summary>The next older entry of the run's cache.</summary>
    internal RunHeaders? Next { get; init; }

    /// <summary>The <c>langsmith-trace</c> value; null when the trace is not recorded.</summary>
    internal string? Trace { get; }

    /// <summary>The <c>baggage</c> value when there are no foreign members; null when there is nothing to say.</summary>
    internal string? Baggage { get; }

    /// <summary>What <see cref="Baggage"/> leaves out to stay within the budget.</summary>
    internal DroppedMembers Dropped { get; }

    internal static RunHeaders NotSampled(HeaderFormat format) =>
        new(format, null, null, null, false, null, NotSampledMember);

    /// <summary>The property that says which trace is not recorded, where the headers also carry one.</summary>
    internal static string TraceOf(Guid traceId) => $";trace={traceId}";

    internal static RunHeaders Nothing { get; } = Empty(HeaderFormat.Default);

    internal static RunHeaders Empty(HeaderFormat format) => new(format, null, null, null, false, null, null);

    /// <summary>Headers that were found on a message: sent again as they are, or not at all.</summary>
    internal static RunHeaders CreateVerbatim(string? trace, string? ourMembers) =>
        new(HeaderFormat.Default, trace, null, null, false, null, ourMembers);

    internal static RunHeaders Create(RunContext context, HeaderFormat format, RunHeaders? next)
    {
        var metadata = Metadata(context.Metadata, key => format.MetadataKeys?.Contains(key) ?? true, out var hasMetadata);
        var tags = context.Tags.Count == 0 ? null : "langsmith-tags=" + Uri.EscapeDataString(string.Join(',', context.Tags));
        var destination = context.Address is not null ? "langsmith-address=" + Uri.EscapeDataString(context.Address)
            : string.IsNullOrEmpty(context.Project) ? null
            : "langsmith-project=" + Uri.EscapeDataString(context.Project);
        if (!context.IsSampled)
            destination = BaggageLine.Join(NotSampledMember + TraceOf(context.TraceId), destination);
        var room = format.MaxBaggageBytes - (destination is null ? 0 : destination.Length + 1);
        var threadMetadata = hasMetadata ? ThreadMetadata(context.Metadata, format, room) : null;
        return new RunHeaders(format, context.DottedOrder, metadata, threadMetadata, hasMetadata, tags, destination) { Next = next };
    }

    /// <summary>
    /// Our members, shrunk so that the merged line stays within the budget: metadata goes first (its thread keys
    /// last), then tags; the project or address stays unless the line would pass <see cref="BaggageLine.MaxBytes"/>.
    /// </summary>
    internal string? Fit(int foreignBytes, out DroppedMembers dropped)
    {
        var theirs = foreignBytes == 0 ? 0 : foreignBytes + 1;
        var budget = Format.MaxBaggageBytes - theirs;
        if (Baggage is not null && Dropped == DroppedMembers.None && Baggage.Length <= budget)
        {
            dropped = DroppedMembers.None;
            return Baggage;
        }

        var metadataLost = _hasMetadata ? DroppedMembers.Metadata : DroppedMembers.None;
        var tagsLost = _tags is null ? DroppedMembers.None : DroppedMembers.Tags;

        if (!_hasMetadata || _metadata is not null)
        {
            if (Length(_metadata, _tags, _destination) <= budget)
                return Take(DroppedMembers.None, out dropped, _metadata, _tags, _destination);
        }

        if (Length(_threadMetadata, _tags, _destination) <= budget)
            return Take(metadataLost, out dropped, _threadMetadata, _tags, _destination);
        if (_threadMetadata is not null && Length(_threadMetadata, null, _destination) <= budget)
            return Take(metadataLost | tagsLost, out dropped, _threadMetadata, _destination);
        if (Length(null, _tags, _destination) <= budget)
            return Take(metadataLost, out dropped, _tags, _destination);

        dropped = metadataLost | tagsLost;
        if (_destination is null || _destination.Length + theirs <= BaggageLine.MaxBytes)
            return _destination;
        dropped |= DroppedMembers.Destination;
        return null;
    }

    private static string? Take(DroppedMembers lost, out DroppedMembers dropped, params ReadOnlySpan<string?> members)
    {
        dropped = lost;
        string? line = null;
        foreach (var member in members)
            line = BaggageLine.Join(line, member);
        return line;
    }

    private static int Length(string? metadata, string? tags, string? destination)
    {
        var length = 0;
        Add(metadata);
        Add(tags);
        Add(destination);
        return length;

        void Add(string? member)
        {
            if (member is not null)
                length += member.Length + (length == 0 ? 0 : 1);
        }
    }

    // As many of the thread keys as fit, which outlive the other metadata: a long one does not cost the others.
    private static string? ThreadMetadata(IReadOnlyDictionary<string, JsonElement> metadata, HeaderFormat format, int room)
    {
        string? member = null;
        var kept = new List<string>(ThreadKeys.All.Count);
        foreach (var key in ThreadKeys.All)
        {
            if (!metadata.ContainsKey(key) || format.MetadataKeys?.Contains(key) == false)
                continue;
            kept.Add(key);
            var longer = Metadata(metadata, kept.Contains, out _);
            if (longer is null || longer.Length > room)
                kept.Remove(key);
            else
                member = longer;
        }

        return member;
    }

    private static string? Metadata(IReadOnlyDictionary<string, JsonElement> metadata, Func<string, bool> travels, out bool hasAny)
    {
        hasAny = false;
        if (metadata.Count == 0)
            return null;

        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, RawJson.WriterOptions);
        writer.WriteStartObject();
        foreach (var (key, value) in metadata)
        {
            if (!travels(key))
                continue;
            hasAny = true;
            // Percent-encoding only adds: what is too long as JSON is too long as a member. Stop before a megabyte is written.
            if (writer.BytesCommitted + writer.BytesPending + RawJson.GetLength(value) > BaggageLine.MaxBytes)
                return null;
            writer.WritePropertyName(key);
            writer.WriteRaw(value);
        }

        if (!hasAny)
            return null;
        writer.WriteEndObject();
        writer.Flush();
        return "langsmith-metadata=" + Uri.EscapeDataString(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}

/// <summary>Members of ours that were left out of a line to keep it within its budget.</summary>
[Flags]
internal enum DroppedMembers
{
    None = 0,
    Metadata = 1,
    Tags = 2,
    Destination = 4,
    ActivityBaggage = 8,
}
