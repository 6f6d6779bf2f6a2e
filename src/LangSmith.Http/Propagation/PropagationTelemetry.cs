using System.Diagnostics.Metrics;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Propagation;

/// <summary>What the codec counts.</summary>
internal static class PropagationTelemetry
{
    internal static readonly ReasonCounter<ExtractResult> Extractions = new(
        "langsmith.http.extractions", "{carrier}", "Carriers read by what was found (tag: result).", "result");

    private static readonly Counter<long> OverBudget = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.outbound.over_budget",
        "{member}",
        "Members left out of a baggage line to keep it within its budget (tag: member).");

    private static readonly Counter<long> Escaped = Telemetry.Meter.CreateCounter<long>(
        "langsmith.http.outbound.escaped",
        "{member}",
        "Foreign baggage members whose value JavaScript cannot decode: their % is sent as %25.");

    internal static void CountEscaped(int members)
    {
        if (Escaped.Enabled)
            Telemetry.Add(Escaped, members);
    }

    internal static void CountDropped(DroppedMembers dropped)
    {
        // Apart, so that callers inline the check.
        if (dropped != DroppedMembers.None && OverBudget.Enabled)
            CountEach(dropped);
    }

    private static void CountEach(DroppedMembers dropped)
    {
        Count(DroppedMembers.Metadata, "metadata");
        Count(DroppedMembers.Tags, "tags");
        Count(DroppedMembers.Destination, "project");
        Count(DroppedMembers.ActivityBaggage, "activity_baggage");

        void Count(DroppedMembers member, string name)
        {
            if (dropped.HasFlag(member))
                Telemetry.Add(OverBudget, 1, "member", name);
        }
    }
}
