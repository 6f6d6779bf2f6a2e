using System.Diagnostics.CodeAnalysis;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Collector.Model;

/// <summary>A run as the store keeps it: all of its writes, merged. Immutable; each write makes a new record.</summary>
internal sealed record RunRecord
{
    // Bytes of the objects, the entries in dictionaries and the headers of strings; measured on 100,000 runs.
    private const int Overhead = 600;

    internal RunRecord(Guid id, DateTimeOffset arrived)
    {
        Arrived = arrived;
        Run = new RunSnapshot { Id = id, TraceId = id, DottedOrder = "", Name = "", StartTime = arrived };
    }

    /// <summary>The merged run. Events and metadata are not in it: see <see cref="Events"/> and <see cref="Extra"/>.</summary>
    internal RunSnapshot Run { get; private init; }

    internal DateTimeOffset Arrived { get; }

    internal bool HasCreate { get; private init; }

    /// <summary>Whether a second <c>post</c> differs from the first: two runs have one id.</summary>
    internal bool IsDuplicate { get; private init; }

    internal string Service { get; private init; } = "unknown";

    internal JsonPayload? Events { get; private init; }

    internal JsonPayload? Extra { get; private init; }

    internal IReadOnlyList<CollectedAttachment> Attachments { get; private init; } = [];

    /// <summary>The run as messages name it.</summary>
    internal string Label => RunLabel.Of(Run.Name, Run.Id);

    internal string Project => Run.Address ?? Run.Project ?? "default";

    /// <summary>Whether <see cref="Project"/> is certain. A <c>post</c> without any project means the default project.</summary>
    internal bool IsProjectKnown => Has(RunFields.Project) || (HasCreate && !Has(RunFields.SessionId));

    /// <summary>The start that was posted; null until then.</summary>
    internal DateTimeOffset? GivenStartTime => Has(RunFields.StartTime) ? Run.StartTime : null;

    internal RunStatus Status => Run.Error is not null ? RunStatus.Error : Run.EndTime is null ? RunStatus.Pending : RunStatus.Ok;

    /// <summary>The required fields that no write carried, separated by commas; usually empty.</summary>
    internal string Missing => Run.Name.Length > 0 && Has(RunFields.RunType | RunFields.StartTime) ? "" : string.Join(", ", GetMissing());

    internal int Depth => Run.DottedOrder.AsSpan().Count('.');

    /// <summary>About how many bytes the run takes.</summary>
    internal long Size => Overhead
        + (2L * (Run.DottedOrder.Length + Run.Name.Length + Run.RunType.Length + Project.Length + Service.Length
            + (Run.Error?.Length ?? 0) + Run.Tags.Sum(static tag => tag.Length + 16)))
        + (Run.InputsJson?.Length ?? 0) + (Run.OutputsJson?.Length ?? 0) + (Events?.Length ?? 0) + (Extra?.Length ?? 0)
        + Attachments.Sum(static item => (long)item.Content.Length + (2 * (item.Name.Length + item.ContentType.Length)));

    // The fields that any write carried, and those of Lasting that a patch carried.
    private RunFields Said { get; init; }

    private RunFields Updated { get; init; }

    /// <summary>Merges a write. Writes arrive in any order and may be repeated.</summary>
    internal RunRecord Apply(RunWrite write, Func<string, string> intern)
    {
        var run = write.Run;
        // What a patch carried wins over a post that arrives later.
        var said = write.IsCreate ? write.Said & ~Updated : write.Said;
        var merged = Run with
        {
            Identity = new(
                Merge(RunFields.TraceId, run.TraceId, Run.TraceId),
                Run.Id,
                run.ParentRunId ?? Run.ParentRunId,
                Merge(RunFields.DottedOrder, run.DottedOrder, Run.DottedOrder),
                Merge(RunFields.StartTime, run.StartTime, Run.StartTime).UtcDateTime,
                Intern(Merge(RunFields.Project, run.Project, Run.Project)),
                Intern(Merge(RunFields.Project, run.Address, Run.Address))),
            Name = Intern(Merge(RunFields.Name, run.Name, Run.Name)),
            RunType = Intern(Merge(RunFields.RunType, run.RunType, Run.RunType)),
            EndTime = Merge(RunFields.EndTime, run.EndTime, Run.EndTime),
            Error = Merge(RunFields.Error, run.Error, Run.Error),
            Tags = Merge(RunFields.Tags, run.Tags, Run.Tags),
            InputsJson = Merge(RunFields.Inputs, run.InputsJson, Run.InputsJson),
            OutputsJson = Merge(RunFields.Outputs, run.OutputsJson, Run.OutputsJson),
        };
        // Without a dotted order (a single POST may leave it out) the run is the root of its own trace.
        if (merged.DottedOrder.Length == 0 && write.IsCreate)
            merged = merged with { DottedOrder = Propagation.DottedOrder.Append(null, merged.StartTime.UtcDateTime, merged.Id) };
        return this with
        {
            Run = merged,
            Said = Said | write.Said,
            Updated = write.IsCreate ? Updated : Updated | (write.Said & RunFields.Lasting),
            HasCreate = HasCreate || write.IsCreate,
            IsDuplicate = IsDuplicate || IsContradictedBy(write),
            Service = Intern(write.Service ?? Service),
            Events = Merge(RunFields.Events, write.Events, Events),
            Extra = Merge(RunFields.Extra, write.Extra, Extra),
            Attachments = write.Attachments.Count == 0
                ? Attachments
                : [.. write.Attachments.Concat(Attachments).DistinctBy(static item => item.Name)],
        };

        T Merge<T>(RunFields field, T update, T known) => said.HasFlag(field) ? update : known;

        [return: NotNullIfNotNull(nameof(text))]
        string? Intern(string? text) => text is null ? null : intern(text);
    }

    /// <summary>Drops the payload: the bounds leave room for the run's name only.</summary>
    internal RunRecord DropPayload() => this with
    {
        Run = Run with { InputsJson = null, OutputsJson = null, Tags = [], Error = Run.Error is null ? null : "(dropped)" },
        Events = null,
        Extra = null,
        Attachments = [],
    };

    internal bool Contains(SearchText text) =>
        text.IsIn(Run.Name) || text.StartsId(Run.Id) || text.IsIn(Run.Error) || Run.Tags.Any(text.IsIn)
        || text.IsIn(Run.InputsJson) || text.IsIn(Run.OutputsJson) || text.IsIn(Extra);

    private bool Has(RunFields fields) => Said.HasFlag(fields);

    private IEnumerable<string> GetMissing()
    {
        if (Run.Name.Length == 0)
            yield return "name";
        if (!Has(RunFields.RunType))
            yield return "run_type";
        if (!Has(RunFields.StartTime))
            yield return "start_time";
    }

    // A repeated post does not contradict what a patch changed in between.
    private bool IsContradictedBy(RunWrite write) => HasCreate && write.IsCreate
        && ((write.DottedOrder is { } order && order != Run.DottedOrder)
            || (write.Name is { } name && !Updated.HasFlag(RunFields.Name) && name != Run.Name)
            || (write.Run.InputsJson is { } inputs && Run.InputsJson is { } known && !Updated.HasFlag(RunFields.Inputs)
                && !inputs.Utf8.SequenceEqual(known.Utf8)));
}
