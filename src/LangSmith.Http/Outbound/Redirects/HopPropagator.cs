using System.Diagnostics;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// The innermost writer of our headers: wraps a client's <c>SocketsHttpHandler.ActivityHeadersPropagator</c>, which the
/// runtime calls last, on every attempt and every redirect hop, with the message as carrier.
/// </summary>
/// <remarks>
/// It looks where the hop goes, then merges our members with whatever <c>baggage</c> is there by then: the caller's,
/// OpenTelemetry's, the activity's. Messages without a run go to the wrapped propagator untouched.
/// </remarks>
internal sealed class HopPropagator(DistributedContextPropagator inner, bool followsRedirects, ClientPolicy client) : DistributedContextPropagator
{
    private const string CorrelationContext = "Correlation-Context";

    public override IReadOnlyCollection<string> Fields => inner.Fields;

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
    {
        if (carrier is not HttpRequestMessage request || TryGetHeaders(request) is not { } headers)
        {
            inner.Inject(activity, carrier, setter);
            return;
        }

        // The activity that is only there so that this is called is nobody's parent: no traceparent of it leaves.
        var relaysBaggage = !RuntimeActivity.IsOurs(activity, request) && InjectInner(activity, request, setter);
        try
        {
            var start = OutboundMessage.GetStart(request, out var merge);
            var isAllowed = !followsRedirects || IsHopAllowed(request, start);
            var written = OutboundHeaders.WriteHop(request, headers, merge, isAllowed, relaysBaggage ? activity : null);
            OutboundMessage.SetMerge(request, written);
        }
        catch (Exception exception)
        {
            // Nothing of ours may fail a request, or go where it was not found out whether it may.
            client.Report(exception);
            request.Headers.Remove(RunContext.TraceHeaderName);
            request.Headers.Remove(RunContext.BaggageHeaderName);
        }
    }

    public override void ExtractTraceIdAndState(object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        inner.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
        inner.ExtractBaggage(carrier, getter);

    private RunHeaders? TryGetHeaders(HttpRequestMessage request)
    {
        try
        {
            return OutboundMessage.TryGet(request, out var headers) ? headers
                : OutboundMessage.MayBeTracked ? OutboundMessage.Recover(request, client.Current)
                : null;
        }
        catch (Exception exception)
        {
            // Nothing of ours may fail a request.
            client.Report(exception);
            return null;
        }
    }

    private static bool IsHopAllowed(HttpRequestMessage request, Uri start)
    {
        var hop = request.RequestUri!;
        if (OutboundTarget.IsSameOrigin(start, hop))
            return true;
        var isAllowed = OutboundMessage.IsTarget(request, hop);
        OutboundTelemetry.CountRedirect(isAllowed);
        if (!isAllowed)
            OutboundMessage.SetDenied(request);
        return isAllowed;
    }

    // Everything but baggage is the wrapped propagator's to write. Of baggage it says whether the activity's is to
    // travel: a propagator that sends none is somebody's decision.
    private bool InjectInner(Activity? activity, HttpRequestMessage request, PropagatorSetterCallback? setter)
    {
        if (activity is not null && activity.Baggage.Any())
            return InjectAllButBaggage(activity, request, setter);
        inner.Inject(activity, request, setter);
        return false;
    }

    // On its own: what the lambda captures is allocated where a method begins, and most activities have no baggage.
    private bool InjectAllButBaggage(Activity activity, HttpRequestMessage request, PropagatorSetterCallback? setter)
    {
        var relaysBaggage = false;
        inner.Inject(activity, request, (carrier, name, value) =>
        {
            var isBaggage = string.Equals(name, RunContext.BaggageHeaderName, StringComparison.OrdinalIgnoreCase);
            relaysBaggage |= isBaggage || string.Equals(name, CorrelationContext, StringComparison.OrdinalIgnoreCase);
            if (!isBaggage)
                setter?.Invoke(carrier, name, value);
        });
        return relaysBaggage;
    }
}
