using System.Diagnostics.Metrics;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.AspNetCore.Diagnostics;

/// <summary>The server's part of the library's meter.</summary>
internal static class InboundTelemetry
{
    private static readonly Counter<long> Inbound = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.inbound", "{request}", "Inbound requests by what was decided about their caller's run (tag: reason).");

    /// <param name="reason">One of <see cref="InboundReason"/>, or the name of an <see cref="ExtractResult"/>.</param>
    internal static void Count(string reason)
    {
        if (Inbound.Enabled)
            Telemetry.Add(Inbound, 1, "reason", reason);
    }
}

/// <summary>What was decided about the run a caller sent, besides what reading it found (<see cref="ExtractResult"/>).</summary>
internal static class InboundReason
{
    /// <summary>It is the parent of what the request does.</summary>
    internal const string Continued = "continued";

    /// <summary>It is named in the metadata of the request's own trace.</summary>
    internal const string Linked = "linked";

    /// <summary>The caller does not record its trace; the request is not recorded either.</summary>
    internal const string NotSampled = "not_sampled";

    /// <summary>It is the parent, but its project or address is not accepted: the trace is split.</summary>
    internal const string ProjectRefused = "project_refused";

    /// <summary>The caller sent none.</summary>
    internal const string Absent = "absent";

    /// <summary>No rule trusts the caller.</summary>
    internal const string Untrusted = "untrusted";

    /// <summary>The endpoint ignores it.</summary>
    internal const string Ignored = "ignored";

    /// <summary><c>Enabled = false</c>.</summary>
    internal const string Off = "off";

    /// <summary><c>baggage</c> is longer than is read.</summary>
    internal const string TooLong = "too_long";

    /// <summary>There are more <c>baggage</c> lines than are read.</summary>
    internal const string TooManyLines = "too_many_lines";

    /// <summary>Our own code threw; the request went on without a parent.</summary>
    internal const string Failed = "failed";
}
