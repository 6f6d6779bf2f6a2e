using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LangSmith.Http;

/// <summary>The server's part of the library's meter.</summary>
internal static class InboundTelemetry
{
    private static readonly Counter<long> Inbound = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.inbound", "{request}", "Inbound requests by what was decided about their caller's run (tag: reason).");

    internal static void Count(InboundReason reason)
    {
        if (Inbound.Enabled)
            Telemetry.Add(Inbound, "reason", Name(reason));
    }

    internal static string Name(InboundReason reason) => reason switch
    {
        InboundReason.Continued => "continued",
        InboundReason.Linked => "linked",
        InboundReason.NotSampled => "not_sampled",
        InboundReason.ProjectRefused => "project_refused",
        InboundReason.Absent => "absent",
        InboundReason.Untrusted => "untrusted",
        InboundReason.Ignored => "ignored",
        InboundReason.Off => "off",
        InboundReason.Ambiguous => "ambiguous",
        InboundReason.Malformed => "malformed",
        InboundReason.TooLong => "too_long",
        InboundReason.TooManyLines => "too_many_lines",
        InboundReason.Future => "future",
        InboundReason.Conflict => "project_and_address",
        InboundReason.Failed => "failed",
        _ => throw new UnreachableException(),
    };
}

/// <summary>What was decided about the run a caller sent.</summary>
internal enum InboundReason
{
    /// <summary>It is the parent of what the request does.</summary>
    Continued,

    /// <summary>It is named in the metadata of the request's own trace.</summary>
    Linked,

    /// <summary>The caller does not record its trace; a request that continues it is not recorded either.</summary>
    NotSampled,

    /// <summary>It is the parent, but its project or address is not accepted: the trace is split.</summary>
    ProjectRefused,

    /// <summary>The caller sent none.</summary>
    Absent,

    /// <summary>No rule trusts the caller.</summary>
    Untrusted,

    /// <summary>The endpoint ignores it.</summary>
    Ignored,

    /// <summary><c>Enabled = false</c>.</summary>
    Off,

    /// <summary>Two <c>langsmith-trace</c> values, or a comma in one.</summary>
    Ambiguous,

    /// <summary>The value does not follow the grammar.</summary>
    Malformed,

    /// <summary><c>langsmith-trace</c> or <c>baggage</c> is longer than is read.</summary>
    TooLong,

    /// <summary>There are more <c>baggage</c> lines than are read.</summary>
    TooManyLines,

    /// <summary>It starts more than an hour ahead of the clock.</summary>
    Future,

    /// <summary>It names a project and an agent address, which exclude each other.</summary>
    Conflict,

    /// <summary>Our own code threw; the request went on without a parent.</summary>
    Failed,
}
