using System.Text.Json;
using LangSmith.Http.Collector.Model;

namespace LangSmith.Http;

/// <summary>A run as the collector holds it, its <c>post</c> and <c>patch</c> merged. Does not change when more arrives.</summary>
public sealed class CollectedRun
{
    internal CollectedRun(RunRecord record) => Record = record;

    /// <summary>The run's id.</summary>
    public Guid Id => Record.Run.Id;

    /// <summary>The id of the trace's root run.</summary>
    public Guid TraceId => Record.Run.TraceId;

    /// <summary>The parent's id; null on a root.</summary>
    public Guid? ParentRunId => Record.Run.ParentRunId;

    /// <summary>The path from the root to this run.</summary>
    public string DottedOrder => Record.Run.DottedOrder;

    /// <summary>The run's name; empty while only its end has arrived.</summary>
    public string Name => Record.Run.Name;

    /// <summary>The kind of step.</summary>
    public string RunType => Record.Run.RunType;

    /// <summary>The project (<c>session_name</c>), or the agent address.</summary>
    public string Project => Record.Project;

    /// <summary>
    /// The service that recorded the run: <c>extra.runtime.service</c>, else <c>extra.runtime.sdk</c>, else <c>unknown</c>.
    /// </summary>
    public string Service => Record.Service;

    /// <summary>When the run started, in UTC.</summary>
    public DateTimeOffset StartTime => Record.Run.StartTime;

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime => Record.Run.EndTime;

    /// <summary>
    /// How long the run took; null while it is open. Zero if it ended before it started: TypeScript breaks ties of starts
    /// with microseconds, and sends ends in milliseconds.
    /// </summary>
    public TimeSpan? Duration => EndTime is not { } end ? null : end > StartTime ? end - StartTime : TimeSpan.Zero;

    /// <summary>The run's state.</summary>
    public RunStatus Status => Record.Status;

    /// <summary>The error; null if there is none.</summary>
    public string? Error => Record.Run.Error;

    /// <summary>The inputs; null if there are none. Parsed on each read.</summary>
    public JsonElement? Inputs => Record.Run.InputsJson?.Element;

    /// <summary>The outputs; null if there are none. Parsed on each read.</summary>
    public JsonElement? Outputs => Record.Run.OutputsJson?.Element;

    /// <summary>The events, an array; null if there are none. Parsed on each read.</summary>
    public JsonElement? Events => Record.Events?.Element;

    /// <summary><c>extra</c> as posted, with <c>metadata</c> and <c>runtime</c>; null if there is none. Parsed on each read.</summary>
    public JsonElement? Extra => Record.Extra?.Element;

    /// <summary>The metadata, inherited and own. Parsed on each read.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata =>
        Extra is { } extra && extra.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
            ? metadata.EnumerateObject().GroupBy(static item => item.Name)
                .ToDictionary(static group => group.Key, static group => group.Last().Value)
            : RunContext.NoMetadata;

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> Tags => Record.Run.Tags;

    /// <summary>The attachments.</summary>
    public IReadOnlyList<CollectedAttachment> Attachments => Record.Attachments;

    internal RunRecord Record { get; }

    /// <summary>Name and id.</summary>
    public override string ToString() => $"{Name} {Id}";

}
