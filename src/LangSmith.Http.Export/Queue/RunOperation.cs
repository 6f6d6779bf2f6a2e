using System.Diagnostics;
using System.Text.Json;
#if NET9_0_OR_GREATER
using System.Runtime.InteropServices;
#endif

namespace LangSmith.Http;

/// <summary>
/// One <c>post</c> or <c>patch</c> of a run, to be written when it is sent. It keeps what the run itself drops when it
/// ends.
/// </summary>
internal sealed class RunOperation
{
    // Of the object and what every run says; the payloads come on top.
    private const int Overhead = 512;

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
        Size = Overhead + (2L * (DottedOrder.Length + Name.Length + (Error?.Length ?? 0)))
            + SizeOf(Inputs) + SizeOf(Outputs)
            + Metadata.Sum(static pair => pair.Key.Length + SizeOf(pair.Value))
            + Events.Sum(static item => item.Name.Length + SizeOf(item.Payload));
    }

    private RunOperation(RunOperation open, DateTimeOffset end, string error)
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
        Size = Overhead;
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

    /// <summary>About how many bytes it holds, and how many it will be on the wire.</summary>
    internal long Size { get; private set; }

    /// <summary>Makes it the update of a run whose create is on its way: inputs are not sent twice.</summary>
    internal void BecomeUpdate()
    {
        IsCreate = false;
        Size -= SizeOf(Inputs);
        Inputs = null;
    }

    /// <summary>Makes it whole, because nothing of the run was sent.</summary>
    internal void BecomeCreate() => IsCreate = true;

    /// <summary>An end for a run that did not come to one itself.</summary>
    internal RunOperation Abandon(DateTimeOffset end, string error) => new(this, end, error);

    private static long SizeOf(JsonElement? json)
    {
        if (json is not { } value || value.ValueKind == JsonValueKind.Undefined)
            return 0;
#if NET9_0_OR_GREATER
        return JsonMarshal.GetRawUtf8Value(value).Length;
#else
        return value.GetRawText().Length;
#endif
    }
}
