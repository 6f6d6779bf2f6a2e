using System.Diagnostics.Metrics;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>What the outbound half counts.</summary>
internal static class OutboundTelemetry
{
    internal static readonly ReasonCounter<OutboundReason> Requests = new(
        "langsmith.http.outbound", "{request}", "Outbound requests by what was decided about their headers (tag: reason).");

    private static readonly Counter<long> Redirects = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.outbound.redirects", "{hop}", "Hops to another origin by whether our headers went along (tag: reason).");

    internal static void CountRedirect(bool wentAlong)
    {
        if (Redirects.Enabled)
            Telemetry.Add(Redirects, 1, "reason", wentAlong ? "target" : "other_origin");
    }
}

/// <summary>What was decided about an outbound request's headers.</summary>
internal enum OutboundReason
{
    /// <summary>Both headers are on the request.</summary>
    Injected,

    /// <summary>No run is current.</summary>
    NoRun,

    /// <summary>The client has <c>Targets</c>, and this is none of them.</summary>
    TargetNotAllowed,

    /// <summary>The request was sent under <c>TracingContext.Suppress()</c>.</summary>
    Suppressed,

    /// <summary><c>Enabled = false</c>.</summary>
    Off,

    /// <summary>The trace is not recorded: only <c>langsmith-sampled=0</c> is sent.</summary>
    NotSampled,

    /// <summary>The dotted order is over its bound: no <c>langsmith-*</c> member is sent.</summary>

    /// <summary>The client has <c>Targets</c>, and its primary handler follows redirects that cannot be seen.</summary>
    RedirectsUnseen,

    /// <summary>The message is sent again to another origin, where a redirect took it before.</summary>
    Redirected,

    /// <summary>Our own code threw; the request went on without it.</summary>
    Failed,
}
