using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using LangSmith.Http.Propagation;
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
    // Nullable structs are twice as large, and two snapshots are made of each run.
    private readonly long _endTicks;

    /// <summary>The run's id.</summary>
    public required Guid Id
    {
        get => Identity.RunId;
        init => Identity = Identity with { RunId = value };
    }

    /// <summary>The id of the trace's root run; equal to <see cref="Id"/> on a root.</summary>
    public required Guid TraceId
    {
        get => Identity.TraceId;
        init => Identity = Identity with { TraceId = value };
    }

    /// <summary>The id of the parent, which may be in another process; null on a root.</summary>
    public Guid? ParentRunId
    {
        get => Identity.ParentRunId;
        init => Identity = Identity with { ParentRunId = value };
    }

    /// <summary>The path from the root to this run; the ordinal order of dotted orders is the order of the tree.</summary>
    public required string DottedOrder
    {
        get => Identity.DottedOrder;
        init => Identity = Identity with { DottedOrder = value };
    }

    /// <summary>The run's name.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of step, usually one of <see cref="RunTypes"/>.</summary>
    /// <value>Default: <see cref="RunTypes.Chain"/>.</value>
    public string RunType { get; init; } = RunTypes.Chain;

    /// <summary>The project; null if the trace has an <see cref="Address"/>.</summary>
    public string? Project
    {
        get => Identity.Project;
        init => Identity = Identity with { Project = value };
    }

    /// <summary>The agent address; null if the trace has a <see cref="Project"/>.</summary>
    public string? Address
    {
        get => Identity.Address;
        init => Identity = Identity with { Address = value };
    }

    /// <summary>When the run started, in UTC and whole microseconds.</summary>
    public required DateTimeOffset StartTime
    {
        get => new(Identity.EarliestChildStart.Ticks, TimeSpan.Zero);
        init => Identity = Identity with { EarliestChildStart = value.UtcDateTime };
    }

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime
    {
        get => _endTicks == 0 ? null : new(_endTicks, TimeSpan.Zero);
        init => _endTicks = value?.UtcTicks ?? 0;
    }

    /// <summary>The inputs, an object; null if there are none. Parsed on each read: keep it in a variable.</summary>
    public JsonElement? Inputs
    {
        get => InputsJson?.Element;
        init => InputsJson = JsonPayload.From(value);
    }

    /// <summary>Whether the inputs were set again after the run had started.</summary>
    public bool HasNewInputs { get; init; }

    /// <summary>The outputs, an object; null if there are none. Parsed on each read: keep it in a variable.</summary>
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

    internal RunIdentity Identity { get; init; } = RunIdentity.None;

    internal JsonPayload? InputsJson { get; init; }

    internal JsonPayload? OutputsJson { get; init; }

    /// <summary>Makes a snapshot of a run whose identity exists.</summary>
#pragma warning disable CS8618 // The identity holds the dotted order.
    [SetsRequiredMembers]
    internal RunSnapshot(RunIdentity identity, string name)
    {
        Identity = identity;
        Name = name;
    }
#pragma warning restore CS8618

    /// <summary>Creates a snapshot, for tests of a recorder.</summary>
    public RunSnapshot()
    {
    }

    /// <summary>Two snapshots are equal if they are the same object: payloads have no equality.</summary>
    /// <param name="other">The other snapshot.</param>
    public bool Equals(RunSnapshot? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    /// <summary>Name and dotted order; no payload.</summary>
    public override string ToString() => $"{Name} {DottedOrder}";
}
