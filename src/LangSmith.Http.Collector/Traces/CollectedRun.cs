using System.Text.Json;
using LangSmith.Http.Collector.Model;

namespace LangSmith.Http;

/// <summary>A run as the collector has it: what its <c>post</c> and its <c>patch</c> say together. A snapshot.</summary>
public sealed class CollectedRun
{
    private static readonly IReadOnlyDictionary<string, JsonElement> NoMetadata = new Dictionary<string, JsonElement>();

    private readonly RunRecord _record;

    internal CollectedRun(RunRecord record) => _record = record.Copy();

    /// <summary>The run's id.</summary>
    public Guid Id => _record.Id;

    /// <summary>The id of the trace's root run.</summary>
    public Guid TraceId => _record.TraceId;

    /// <summary>The parent's id; null on a root.</summary>
    public Guid? ParentRunId => _record.ParentRunId;

    /// <summary>The path from the root to this run.</summary>
    public string DottedOrder => _record.DottedOrder;

    /// <summary>What the run is called; empty while only its end has arrived.</summary>
    public string Name => _record.Name;

    /// <summary>What kind of step it is.</summary>
    public string RunType => _record.RunType;

    /// <summary>The project (<c>session_name</c>), or the agent address.</summary>
    public string Project => _record.Project;

    /// <summary>
    /// Who recorded the run: <c>extra.runtime.service</c>, else <c>extra.runtime.sdk</c>, else <c>unknown</c>.
    /// </summary>
    public string Service => _record.Service;

    /// <summary>When the run started, in UTC.</summary>
    public DateTimeOffset StartTime => _record.StartTime;

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime => _record.EndTime;

    /// <summary>
    /// How long it took; null while it is open. Zero where the end lies before the start: TypeScript breaks ties of starts
    /// with microseconds, and sends ends in milliseconds.
    /// </summary>
    public TimeSpan? Duration => EndTime is not { } end ? null : end > StartTime ? end - StartTime : TimeSpan.Zero;

    /// <summary>How the run stands.</summary>
    public RunStatus Status => _record.Status;

    /// <summary>What went wrong; null when nothing did.</summary>
    public string? Error => _record.Error;

    /// <summary>The inputs; null when there are none.</summary>
    public JsonElement? Inputs => Parse(_record.Inputs);

    /// <summary>The outputs; null when there are none.</summary>
    public JsonElement? Outputs => Parse(_record.Outputs);

    /// <summary>The events, an array; null when there are none.</summary>
    public JsonElement? Events => Parse(_record.Events);

    /// <summary><c>extra</c> as it came, <c>metadata</c> and <c>runtime</c> included; null when there is none.</summary>
    public JsonElement? Extra => Parse(_record.Extra);

    /// <summary>The metadata, inherited and own.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata =>
        Extra is { } extra && extra.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
            ? metadata.EnumerateObject().GroupBy(static item => item.Name).ToDictionary(static group => group.Key, static group => group.Last().Value)
            : NoMetadata;

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> Tags => _record.Tags;

    /// <summary>The attachments.</summary>
    public IReadOnlyList<CollectedAttachment> Attachments => _record.Attachments;

    internal RunRecord Record => _record;

    /// <summary>Name and id.</summary>
    public override string ToString() => $"{Name} {Id}";

    private static JsonElement? Parse(byte[]? utf8)
    {
        if (utf8 is null)
            return null;
        using var document = JsonDocument.Parse(utf8, JsonText.Options);
        return document.RootElement.Clone();
    }
}
