namespace LangSmith.Http.Propagation;

/// <summary>
/// A run's identity and destination. They do not change, so that the run, its snapshots and its contexts share one object.
/// </summary>
/// <param name="TraceId">The id of the trace's root run.</param>
/// <param name="RunId">The run's id.</param>
/// <param name="ParentRunId">The parent's id; null on a root.</param>
/// <param name="DottedOrder">The path from the root to the run.</param>
/// <param name="EarliestChildStart">
/// The earliest start of a child: an earlier segment would sort before the run's own. For a run of this process, its start.
/// </param>
/// <param name="Project">The project; null if the run has none, or an address.</param>
/// <param name="Address">The agent address; null if the run has none, or a project.</param>
internal sealed record RunIdentity(
    Guid TraceId, Guid RunId, Guid? ParentRunId, string DottedOrder, DateTime EarliestChildStart, string? Project, string? Address)
{
    /// <summary>The identity of what is no run.</summary>
    internal static RunIdentity None { get; } = new(default, default, null, "", default, null, null);
}
