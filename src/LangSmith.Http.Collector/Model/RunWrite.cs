using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Collector.Model;

/// <summary>One <c>post</c> or <c>patch</c> of a run: a snapshot, and which of its fields the write carries.</summary>
internal sealed class RunWrite(RunSnapshot run, bool isCreate, RunFields given)
{
    private RunFields _given = given;

    /// <summary>The run. Fields that the write does not carry have the snapshot's defaults.</summary>
    internal RunSnapshot Run { get; set; } = run;

    internal bool IsCreate { get; } = isCreate;

    /// <summary>The fields that this write carries.</summary>
    internal RunFields Said => _given
        | If(RunFields.Project, Run.Project ?? Run.Address)
        | If(RunFields.EndTime, Run.EndTime)
        | If(RunFields.Error, Run.Error)
        | If(RunFields.Inputs, Run.InputsJson)
        | If(RunFields.Outputs, Run.OutputsJson)
        | If(RunFields.Events, Events)
        | If(RunFields.Extra, Extra);

    internal Guid? TraceId => _given.HasFlag(RunFields.TraceId) ? Run.TraceId : null;

    internal string? DottedOrder => _given.HasFlag(RunFields.DottedOrder) ? Run.DottedOrder : null;

    internal string? Name => _given.HasFlag(RunFields.Name) ? Run.Name : null;

    /// <summary>The events as they were posted; the snapshot's are not used.</summary>
    internal JsonPayload? Events { get; set; }

    /// <summary><c>extra</c> as it was posted, with the metadata; the snapshot's metadata is not used.</summary>
    internal JsonPayload? Extra { get; set; }

    /// <summary>The service that recorded the run, from <c>extra.runtime</c>.</summary>
    internal string? Service { get; set; }

    internal List<CollectedAttachment> Attachments { get; } = [];

    /// <summary>Returns a field's flag if the field has a value.</summary>
    internal static RunFields If<T>(RunFields field, T? value) => value is null ? RunFields.None : field;

    internal void SetPath(Guid traceId, string dottedOrder)
    {
        Run = Run with { TraceId = traceId, DottedOrder = dottedOrder };
        _given |= RunFields.TraceId | RunFields.DottedOrder;
    }
}
