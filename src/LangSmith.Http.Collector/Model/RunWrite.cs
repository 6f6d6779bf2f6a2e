namespace LangSmith.Http.Collector.Model;

/// <summary>One <c>post</c> or <c>patch</c> of a run, as it came. What it does not say is null.</summary>
internal sealed class RunWrite(Guid id, bool isCreate)
{
    internal Guid Id { get; } = id;

    internal bool IsCreate { get; } = isCreate;

    internal Guid? TraceId { get; set; }

    internal Guid? ParentRunId { get; set; }

    internal string? DottedOrder { get; set; }

    internal string? Name { get; set; }

    internal string? RunType { get; set; }

    internal string? Project { get; set; }

    internal string? Address { get; set; }

    /// <summary>Whether the project is named by its id alone, which says nothing here.</summary>
    internal bool NamesSession { get; set; }

    internal DateTimeOffset? StartTime { get; set; }

    internal DateTimeOffset? EndTime { get; set; }

    internal string? Error { get; set; }

    internal IReadOnlyList<string>? Tags { get; set; }

    // JSON as it came, in UTF-8.
    internal byte[]? Inputs { get; set; }

    internal byte[]? Outputs { get; set; }

    internal byte[]? Events { get; set; }

    internal byte[]? Extra { get; set; }

    internal List<CollectedAttachment> Attachments { get; } = [];

    /// <summary>Read from <c>extra.runtime</c>: who recorded the run.</summary>
    internal string? Service { get; set; }
}
