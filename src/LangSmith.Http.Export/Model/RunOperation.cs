using System.Diagnostics;
using System.Text.Json;
#if NET9_0_OR_GREATER
using System.Runtime.InteropServices;
#else
using System.Text;
#endif

namespace LangSmith.Http.Export.Model;

/// <summary>
/// One <c>post</c> or <c>patch</c> of a run, to be written when it is sent. It keeps what the run itself drops when it
/// ends.
/// </summary>
internal sealed class RunOperation
{
    // Of the object, what every run says and the headers of its parts; the payloads come on top.
    private const int Overhead = 1536;

    // Of a document besides its text, and of each name and value in it: what JsonDocument keeps to find them.
    private const int BytesPerDocument = 256;
    private const int BytesPerValue = 12;

    private readonly Bytes _payload;
    private Bytes _inputBytes;

    internal RunOperation(RunSnapshot run, bool isCreate, ExportSettings settings)
    {
        IsCreate = isCreate;
        IsPostable = Propagation.DottedOrder.IsPostable(run.DottedOrder);
        Id = run.Id;
        TraceId = run.TraceId;
        ParentRunId = run.ParentRunId;
        DottedOrder = run.DottedOrder;
        Name = run.Name;
        RunType = run.RunType;
        Project = run.Project;
        Address = run.Address;
        StartTime = run.StartTime;
        EndTime = run.EndTime;
        Error = run.Error;
        Events = run.Events;
        Tags = run.Tags;
        Metadata = settings.HideMetadata ? RunContext.NoMetadata : run.Metadata;
        // What is hidden is an empty object, as the other SDKs send it.
        HasNewInputs = run.HasNewInputs;
        Inputs = settings.HideInputs && run.Inputs is not null ? ExportSettings.Hidden : run.Inputs;
        Outputs = settings.HideOutputs && run.Outputs is not null ? ExportSettings.Hidden : run.Outputs;
        _inputBytes = Bytes.Of(Inputs);
        var payload = Bytes.Of(Outputs) + Bytes.Of(Error);
        foreach (var (key, value) in Metadata)
            payload += Bytes.Of(key) + Bytes.Of(value);
        foreach (var item in Events)
            payload += Bytes.Of(item.Name) + Bytes.Of(item.Payload);
        foreach (var tag in Tags)
            payload += Bytes.Of(tag);
        _payload = payload;
    }

    private RunOperation(RunOperation open, bool keepPayload, DateTimeOffset? end, string? error)
    {
        Id = open.Id;
        TraceId = open.TraceId;
        ParentRunId = open.ParentRunId;
        DottedOrder = open.DottedOrder;
        Name = open.Name;
        RunType = open.RunType;
        Project = open.Project;
        Address = open.Address;
        StartTime = open.StartTime;
        Link = open.Link;
        EndTime = end < open.StartTime ? open.StartTime : end;
        Error = error;
        Events = [];
        IsBare = !keepPayload;
        Tags = keepPayload ? open.Tags : [];
        Metadata = keepPayload ? open.Metadata : RunContext.NoMetadata;
        Inputs = keepPayload ? open.Inputs : null;
        _inputBytes = keepPayload ? open._inputBytes : default;
        // The error is a constant.
        _payload = keepPayload ? open._payload : default;
    }

    internal bool IsCreate { get; private set; }

    /// <summary>The order operations were queued in; one that another was merged into keeps its place.</summary>
    internal long Sequence { get; set; }

    /// <summary>When it was queued, as <see cref="TimeProvider.GetTimestamp"/> has it.</summary>
    internal long QueuedAt { get; set; }

    /// <summary>The activity the run was started in, if there was one.</summary>
    internal ActivityContext Link { get; set; }

    internal Guid Id { get; }

    internal Guid TraceId { get; }

    internal Guid? ParentRunId { get; }

    internal string DottedOrder { get; }

    internal string Name { get; }

    internal string RunType { get; }

    internal string? Project { get; }

    internal string? Address { get; }

    internal DateTimeOffset StartTime { get; }

    internal DateTimeOffset? EndTime { get; }

    internal string? Error { get; }

    internal IReadOnlyList<RunEvent> Events { get; }

    internal IReadOnlyList<string> Tags { get; }

    internal IReadOnlyDictionary<string, JsonElement> Metadata { get; }

    /// <summary>Whether LangSmith takes runs of such a dotted order.</summary>
    internal bool IsPostable { get; } = true;

    /// <summary>Whether metadata and tags are left as the start said them.</summary>
    internal bool IsBare { get; }

    /// <summary>Whether the inputs are other than those the run was started with.</summary>
    internal bool HasNewInputs { get; }

    internal JsonElement? Inputs { get; private set; }

    internal JsonElement? Outputs { get; }

    /// <summary>How many starts and ends of runs it is: two when an end was merged into its start, none when it stands in for an end that was dropped or did not come.</summary>
    internal int Weight { get; private set; } = 1;

    /// <summary>Whether it is an end that brings along a start which was dropped, and counted as such.</summary>
    internal bool MakesUpForStart { get; set; }

    /// <summary>About how many bytes it holds; on the wire it is rather less.</summary>
    internal long Size => Overhead + (2L * (DottedOrder.Length + Name.Length)) + _inputBytes.Held + _payload.Held;

    /// <summary>What it is on the wire at least.</summary>
    internal long LeastBytes(bool isUpdate) => _payload.Wire + (isUpdate && !HasNewInputs ? 0 : _inputBytes.Wire);

    /// <summary>Makes it the update of a run whose create is on its way: inputs are not sent twice.</summary>
    internal void BecomeUpdate()
    {
        IsCreate = false;
        if (HasNewInputs)
            return;
        Inputs = null;
        _inputBytes = default;
    }

    /// <summary>Makes it whole, because nothing of the run was sent.</summary>
    internal void BecomeCreate() => IsCreate = true;

    /// <summary>Takes the place of the run's start, which was not sent yet.</summary>
    internal void Starts(RunOperation create)
    {
        Link = create.Link;
        Sequence = create.Sequence;
        QueuedAt = create.QueuedAt;
        Weight += create.Weight;
    }

    /// <summary>An end for a run that did not come to one itself.</summary>
    internal RunOperation Abandon(DateTimeOffset end, string error) => new(this, keepPayload: !IsBare, end, error) { Weight = 0 };

    /// <summary>An end in place of the run's own, which was dropped, and counted: a run must not look as if it went on for ever.</summary>
    internal RunOperation CutShort(RunOperation end, string error) => Abandon(end.EndTime!.Value, error);

    /// <summary>What an end needs of a start that was sent.</summary>
    internal RunOperation WithoutPayload() => new(this, keepPayload: false, end: null, error: null);

    /// <summary>How much something is in memory, and on the wire at least.</summary>
    private readonly record struct Bytes(long Held, long Wire)
    {
        public static Bytes operator +(Bytes left, Bytes right) => new(left.Held + right.Held, left.Wire + right.Wire);

        internal static Bytes Of(string? text) => text is null ? default : new(2L * text.Length, text.Length);

        internal static Bytes Of(JsonElement? json)
        {
            if (json is not { } value || value.ValueKind == JsonValueKind.Undefined)
                return default;
#if NET9_0_OR_GREATER
            var text = JsonMarshal.GetRawUtf8Value(value);
            var (length, values) = (text.Length, text.Count((byte)',') + text.Count((byte)':') + 1);
#else
            var text = value.GetRawText();
            var (length, values) = (Encoding.UTF8.GetByteCount(text), text.AsSpan().Count(',') + text.AsSpan().Count(':') + 1);
#endif
            return new(length + BytesPerDocument + ((long)BytesPerValue * values), length);
        }
    }
}
