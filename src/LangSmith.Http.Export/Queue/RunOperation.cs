using System.Diagnostics;
using System.Text.Json;
#if NET9_0_OR_GREATER
using System.Runtime.InteropServices;
#else
using System.Text;
#endif

namespace LangSmith.Http;

/// <summary>
/// One <c>post</c> or <c>patch</c> of a run, to be written when it is sent. It keeps what the run itself drops when it
/// ends.
/// </summary>
internal sealed class RunOperation
{
    // Of the object, what every run says and the headers of its parts; the payloads come on top.
    private const int Overhead = 1536;

    private readonly long _payloadBytes;
    private long _inputBytes;

    internal RunOperation(RunTree run, bool isCreate, ExportSettings settings)
    {
        IsCreate = isCreate;
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
        Inputs = settings.HideInputs && run.Inputs is not null ? ExportSettings.Hidden : run.Inputs;
        Outputs = settings.HideOutputs && run.Outputs is not null ? ExportSettings.Hidden : run.Outputs;
        _payloadBytes = SizeOf(Outputs)
            + Metadata.Sum(static pair => pair.Key.Length + SizeOf(pair.Value))
            + Events.Sum(static item => item.Name.Length + SizeOf(item.Payload))
            + Tags.Sum(static tag => (long)tag.Length)
            + (Error?.Length ?? 0);
        _inputBytes = SizeOf(Inputs);
    }

    private RunOperation(RunOperation open, bool keepInputs, DateTimeOffset? end, string? error)
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
        Tags = open.Tags;
        Metadata = open.Metadata;
        Inputs = keepInputs ? open.Inputs : null;
        _inputBytes = keepInputs ? open._inputBytes : 0;
        _payloadBytes = open._payloadBytes + (error?.Length ?? 0);
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

    internal JsonElement? Inputs { get; private set; }

    internal JsonElement? Outputs { get; }

    /// <summary>How many starts and ends of runs it is: two when an end was merged into its start.</summary>
    internal int Weight { get; private set; } = 1;

    /// <summary>Whether it is an end that brings along a start which was dropped, and counted as such.</summary>
    internal bool MakesUpForStart { get; set; }

    /// <summary>About how many bytes it holds, and how many it will be on the wire.</summary>
    internal long Size => Overhead + (2L * (DottedOrder.Length + Name.Length)) + _inputBytes + _payloadBytes;

    /// <summary>What it is on the wire at least.</summary>
    internal long LeastBytes(bool isUpdate) => _payloadBytes + (isUpdate ? 0 : _inputBytes);

    /// <summary>Makes it the update of a run whose create is on its way: inputs are not sent twice.</summary>
    internal void BecomeUpdate()
    {
        IsCreate = false;
        Inputs = null;
        _inputBytes = 0;
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
    internal RunOperation Abandon(DateTimeOffset end, string error) => new(this, keepInputs: true, end, error);

    /// <summary>What an end needs of a start that was sent.</summary>
    internal RunOperation WithoutPayload() => new(this, keepInputs: false, end: null, error: null);

    private static long SizeOf(JsonElement? json)
    {
        if (json is not { } value || value.ValueKind == JsonValueKind.Undefined)
            return 0;
#if NET9_0_OR_GREATER
        return JsonMarshal.GetRawUtf8Value(value).Length;
#else
        return Encoding.UTF8.GetByteCount(value.GetRawText());
#endif
    }
}
