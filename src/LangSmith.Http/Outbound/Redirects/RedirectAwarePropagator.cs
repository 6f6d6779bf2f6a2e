using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Writes our headers last: wraps a client's <see cref="SocketsHttpHandler.ActivityHeadersPropagator"/>, which the runtime calls
/// on every attempt and every redirect, with the message as carrier.
/// </summary>
/// <remarks>Messages that are not tracked go to the wrapped propagator untouched.</remarks>
internal sealed class RedirectAwarePropagator(SentBaggage baggage, ClientPropagation client) : DistributedContextPropagator
{
    public override IReadOnlyCollection<string> Fields => Inner.Fields;

    internal SentBaggage Baggage { get; } = baggage;

    private DistributedContextPropagator Inner => Baggage.Propagator;

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
    {
        if (carrier is not HttpRequestMessage request || !IsTracked(request, out var headers))
        {
            Inner.Inject(activity, carrier, setter);
            return;
        }

        // An activity that exists only for our sake is no parent of anything: its traceparent is not sent.
        var isOurs = PropagatorActivation.IsOurs(activity, request);
        var members = isOurs ? null : InjectInner(activity, request, setter);
        try
        {
            if (isOurs)
                KeptFields.PutBack(request, Fields);
            RequestTracking.WriteHop(request, headers, members);
        }
        catch (Exception exception)
        {
            // A fault here must not fail a request. The headers are removed, because it is not known whether the origin may have them.
            client.Report(exception);
            HeaderWriter.Remove(request);
        }
    }

    public override void ExtractTraceIdAndState(
        object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        Inner.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
        Inner.ExtractBaggage(carrier, getter);

    // A primary handler of a user's class may have copied the message. Its client is not known here, hence no targets.
    private bool IsTracked(HttpRequestMessage request, [NotNullWhen(true)] out RunHeaders? headers)
    {
        headers = null;
        try
        {
            return RequestTracking.MayConcern(request)
                && (RequestTracking.TryGetHeaders(request, out headers)
                    || RequestTracking.TryGuard(request, PropagationPolicy.Default, out headers));
        }
        catch (Exception exception)
        {
            // A fault here must not fail a request.
            client.Report(exception);
            return false;
        }
    }

    // The wrapped propagator writes everything but baggage. It also decides whether the activity's baggage is sent.
    private IEnumerable<KeyValuePair<string, string?>>? InjectInner(
        Activity? activity, HttpRequestMessage request, PropagatorSetterCallback? setter)
    {
        if (activity is not null && activity.Baggage.Any())
            return InjectAllButBaggage(activity, request, setter);
        Inner.Inject(activity, request, setter);
        return null;
    }

    // A method of its own: what the lambda captures is allocated where a method begins, and most activities have no baggage.
    private IEnumerable<KeyValuePair<string, string?>>? InjectAllButBaggage(
        Activity activity, HttpRequestMessage request, PropagatorSetterCallback? setter)
    {
        string? line = null;
        Inner.Inject(activity, request, (carrier, name, value) =>
        {
            SentBaggage.Keep(ref line, name, value);
            if (!string.Equals(name, RunContext.BaggageHeaderName, StringComparison.OrdinalIgnoreCase))
                setter?.Invoke(carrier, name, value);
        });
        return Baggage.Choose(activity, line);
    }
}
