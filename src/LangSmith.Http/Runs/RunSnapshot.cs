using System.Text.Json;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

/// <summary>
/// A run as it was at one moment: what an <see cref="IRunRecorder"/> receives and may keep. Immutable, and independent of
/// the <see cref="RunTree"/> it was taken from.
/// </summary>
/// <example>
/// To test a recorder of your own, construct one:
/// <code>
/// recorder.OnStart(new RunSnapshot { Id = id, TraceId = id, DottedOrder = order, Name = "ask", StartTime = now });
/// </code>
/// </example>
public sealed record RunSnapshot
{
    /// <summary>The run's id.</summary>
    public required Guid Id { get; init; }

    /// <summary>The id of the trace's root run; equal to <see cref="Id"/> on a root.</summary>
    public required Guid TraceId { get; init; }

    /// <summary>The id of the parent, which may be in another process; null on a root.</summary>
    public Guid? ParentRunId { get; init; }

    /// <summary>The path from the root to this run; the ordinal order of dotted orders is the order of the tree.</summary>
    public required string DottedOrder { get; init; }

    /// <summary>The run's name.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of step, usually one of <see cref="RunTypes"/>.</summary>
    /// <value>Default: <see cref="RunTypes.Chain"/>.</value>
    public string RunType { get; init; } = RunTypes.Chain;

    /// <summary>The project; null if the trace has an <see cref="Address"/>.</summary>
    public string? Project { get; init; }

    /// <summary>The agent address; null if the trace has a <see cref="Project"/>.</summary>
    public string? Address { get; init; }

    /// <summary>When the run started, in UTC and whole microseconds.</summary>
    public required DateTimeOffset StartTime { get; init; }

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime { get; init; }

    /// <summary>The inputs, an object; null if there are none. Parsed when first read.</summary>
    public JsonElement? Inputs
    {
        get => InputsJson?.Element;
        init => InputsJson = JsonPayload.From(value);
    }

    /// <summary>Whether the inputs were set again after the run had started.</summary>
    public bool HasNewInputs { get; init; }

    /// <summary>The outputs, an object; null if there are none. Parsed when first read.</summary>
    public JsonElement? Outputs
    {
        get => OutputsJson?.Element;
        init => OutputsJson = JsonPayload.From(value);
    }

    /// <summary>The error (type, message, blank line, stack); null if the run did not fail.</summary>
    public string? Error { get; init; }

    /// <summary>The events, in the order they were added.</summary>
    public IReadOnlyList<RunEvent> Events { get; init; } = [];

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The metadata, inherited and own.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata { get; init; } = RunContext.NoMetadata;

    internal JsonPayload? InputsJson { get; init; }

    internal JsonPayload? OutputsJson { get; init; }

    /// <summary>Name and dotted order; no payload.</summary>
    public override string ToString() => $"{Name} {DottedOrder}";
}
