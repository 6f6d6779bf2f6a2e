using System.Diagnostics;
using System.Diagnostics.Metrics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Diagnostics;

/// <summary>
/// The library's one <see cref="Meter"/>. Every decision is counted with its reason, so that "why is there no header?"
/// and "what was lost?" have an answer without a debugger. No tag ever holds a value from a header or a payload.
/// </summary>
internal static class Telemetry
{
    internal const string MeterName = "LangSmith.Http";

    internal static readonly Meter Meter = new(MeterName, typeof(Telemetry).Assembly.GetName().Version?.ToString(3));

    private static readonly Counter<long> Outbound = Meter.CreateCounter<long>(
        "langsmith.http.outbound", "{request}", "Outbound requests by what was decided about their headers (tag: reason).");

    private static readonly Counter<long> OverBudget = Meter.CreateCounter<long>(
        "langsmith.http.outbound.over_budget", "{member}", "Members left out of a baggage line to keep it within its budget (tag: member).");

    private static readonly Counter<long> Redirects = Meter.CreateCounter<long>(
        "langsmith.http.outbound.redirects", "{hop}", "Hops to another origin by whether our headers went along (tag: reason).");

    private static readonly Counter<long> Extractions = Meter.CreateCounter<long>(
        "langsmith.http.extractions", "{carrier}", "Carriers read by what was found (tag: result).");

    private static readonly Counter<long> Runs = Meter.CreateCounter<long>(
        "langsmith.http.runs", "{run}", "Runs started by what became of them (tag: result).");

    private static readonly Counter<long> Faults = Meter.CreateCounter<long>(
        "langsmith.http.faults", "{fault}", "Things that were ignored, withheld or failed without hurting the call (tag: kind).");

    internal static void Count(OutboundReason reason)
    {
        if (Outbound.Enabled)
            Add(Outbound, "reason", Name(reason));
    }

    internal static void CountDropped(DroppedMembers dropped)
    {
        if (dropped == DroppedMembers.None || !OverBudget.Enabled)
            return;
        if (dropped.HasFlag(DroppedMembers.Metadata))
            Add(OverBudget, "member", "metadata");
        if (dropped.HasFlag(DroppedMembers.Tags))
            Add(OverBudget, "member", "tags");
        if (dropped.HasFlag(DroppedMembers.Destination))
            Add(OverBudget, "member", "project");
        if (dropped.HasFlag(DroppedMembers.ActivityBaggage))
            Add(OverBudget, "member", "activity_baggage");
    }

    internal static void CountRedirect(bool wentAlong)
    {
        if (Redirects.Enabled)
            Add(Redirects, "reason", wentAlong ? "target" : "other_origin");
    }

    internal static void Count(ExtractResult result)
    {
        if (Extractions.Enabled)
            Add(Extractions, "result", Name(result));
    }

    internal static void Count(RunResult result)
    {
        if (Runs.Enabled)
            Add(Runs, "result", Name(result));
    }

    internal static void Count(Fault fault)
    {
        if (Faults.Enabled)
            Add(Faults, "kind", Name(fault));
    }

    internal static void Add(Counter<long> counter, string tag, string value)
    {
        try
        {
            counter.Add(1, new KeyValuePair<string, object?>(tag, value));
        }
        catch (Exception)
        {
            // A listener's callback threw on the thread of the traced call: counting is not worth the call.
        }
    }

    internal static string Name(OutboundReason reason) => reason switch
    {
        OutboundReason.Injected => "injected",
        OutboundReason.NoRun => "no_run",
        OutboundReason.TargetNotAllowed => "target_not_allowed",
        OutboundReason.Suppressed => "suppressed",
        OutboundReason.Off => "off",
        OutboundReason.NotSampled => "not_sampled",
        OutboundReason.OverBudget => "over_budget",
        OutboundReason.RedirectsUnseen => "redirects_unseen",
        OutboundReason.Redirected => "redirected",
        OutboundReason.Failed => "failed",
        _ => throw new UnreachableException(),
    };

    internal static string Name(ExtractResult result) => result switch
    {
        ExtractResult.Extracted => "extracted",
        ExtractResult.NotSampled => "not_sampled",
        ExtractResult.Absent => "absent",
        ExtractResult.Ambiguous => "ambiguous",
        ExtractResult.Malformed => "malformed",
        ExtractResult.TooLong => "too_long",
        ExtractResult.Future => "future",
        ExtractResult.Conflict => "project_and_address",
        ExtractResult.CarrierFailed => "carrier_failed",
        _ => throw new UnreachableException(),
    };

    private static string Name(RunResult result) => result switch
    {
        RunResult.Recorded => "recorded",
        RunResult.NotSampled => "not_sampled",
        RunResult.PassedThrough => "passed_through",
        RunResult.Off => "off",
        _ => throw new UnreachableException(),
    };

    internal static string Name(Fault fault) => fault switch
    {
        Fault.EditAfterEnd => "edit_after_end",
        Fault.NotSerializable => "not_serializable",
        Fault.RecorderFailed => "recorder_failed",
        Fault.RedactorFailed => "redactor_failed",
        Fault.CallbackFailed => "callback_failed",
        Fault.UnreadableMember => "unreadable_member",
        Fault.BadArgument => "bad_argument",
        Fault.BadReload => "bad_reload",
        _ => throw new UnreachableException(),
    };
}

/// <summary>What was decided about an outbound request's headers.</summary>
internal enum OutboundReason
{
    /// <summary>Both headers are on the request.</summary>
    Injected,

    /// <summary>No run is current, and no parent was given.</summary>
    NoRun,

    /// <summary>The client has <c>Targets</c>, and this is none of them.</summary>
    TargetNotAllowed,

    /// <summary><c>SuppressLangSmithPropagation()</c> on the request, or <c>TracingContext.Suppress()</c>.</summary>
    Suppressed,

    /// <summary><c>Enabled = false</c>.</summary>
    Off,

    /// <summary>The trace is not recorded: only <c>langsmith-sampled=0</c> is sent.</summary>
    NotSampled,

    /// <summary>The dotted order is over its bound: nothing of ours is sent.</summary>
    OverBudget,

    /// <summary>The client has <c>Targets</c>, and its primary handler follows redirects nobody sees.</summary>
    RedirectsUnseen,

    /// <summary>The message is sent again to another origin, where a redirect took it before.</summary>
    Redirected,

    /// <summary>Our own code threw; the request went on without it.</summary>
    Failed,
}

/// <summary>What became of a run somebody wanted to start.</summary>
internal enum RunResult
{
    Recorded,
    NotSampled,
    PassedThrough,
    Off,
}

/// <summary>What went wrong without hurting the call.</summary>
internal enum Fault
{
    EditAfterEnd,
    NotSerializable,
    RecorderFailed,
    RedactorFailed,
    CallbackFailed,
    UnreadableMember,
    BadArgument,
    BadReload,
}
