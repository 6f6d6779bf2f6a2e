using System.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.AspNetCore.Inbound;

/// <summary>
/// Wraps the server's propagator: what it extracts becomes <see cref="Activity.Baggage"/>, which every
/// <see cref="HttpClient"/> in the request relays to whomever it calls. Our members never get there, trusted or not; to
/// take them out of an activity later is too late, because they stay in its parents.
/// </summary>
internal sealed class InboundPropagator(DistributedContextPropagator inner) : DistributedContextPropagator
{
    public override IReadOnlyCollection<string> Fields => inner.Fields;

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter) => inner.Inject(activity, carrier, setter);

    public override void ExtractTraceIdAndState(object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        inner.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
        inner.ExtractBaggage(carrier, getter)?.Where(static member => !BaggageLine.IsOurs(member.Key.AsSpan().Trim()));
}
