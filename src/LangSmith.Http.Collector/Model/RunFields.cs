namespace LangSmith.Http.Collector.Model;

/// <summary>The fields of a run that a <c>post</c> or <c>patch</c> may leave out.</summary>
[Flags]
internal enum RunFields
{
    None = 0,
    TraceId = 1,
    DottedOrder = 2,
    Name = 4,
    RunType = 8,
    StartTime = 16,
    Tags = 32,

    /// <summary>The project's id. The collector knows projects by name only.</summary>
    SessionId = 64,
    Project = 128,
    EndTime = 256,
    Error = 512,
    Inputs = 1024,
    Outputs = 2048,
    Events = 4096,
    Extra = 8192,

    /// <summary>The fields that a snapshot always has a value for.</summary>
    Required = TraceId | DottedOrder | Name | RunType | StartTime | Tags,

    /// <summary>The fields whose value in a <c>patch</c> wins over a <c>post</c> that arrives later.</summary>
    Lasting = Name | Tags | EndTime | Error | Inputs | Outputs | Events | Extra,
}
