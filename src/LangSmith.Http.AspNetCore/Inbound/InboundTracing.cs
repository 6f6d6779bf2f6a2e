namespace LangSmith.Http;

/// <summary>What an endpoint does with the run a trusted caller sent.</summary>
public enum InboundTracing
{
    /// <summary>The caller's run is the parent of what the request does: one trace. The default.</summary>
    Continue,

    /// <summary>
    /// What the request does is a trace of its own; its runs have <c>linked_trace_id</c> and <c>linked_run_id</c> of the
    /// caller's run in their metadata.
    /// </summary>
    Link,

    /// <summary>
    /// The caller's run is not read, and no run is started for the request. The default of SignalR hubs, whose
    /// connections outlive many invocations: give each message a run of its own, with <see cref="RunContext.TryExtract"/>.
    /// </summary>
    Ignore,
}
