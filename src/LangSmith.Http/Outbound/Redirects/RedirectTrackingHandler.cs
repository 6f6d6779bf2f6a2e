using System.Diagnostics;
using LangSmith.Http.Outbound.Headers;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Marks the start of each attempt, directly above the primary handler, and looks at each response: below every handler that
/// retries, rewrites URIs, copies messages or follows redirects.
/// </summary>
internal sealed class RedirectTrackingHandler(HttpMessageHandler primary, TransportInfo transport, ClientPropagation client)
    : DelegatingHandler(primary)
{
    internal TransportInfo Transport { get; } = transport;

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var scope = Begin(request) ? PropagatorActivation.Enter(Transport) : null;
        return ResponseWatch.Watch(request, base.Send(request, cancellationToken), client);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Begin(request)
            ? SendInScopeAsync(request, cancellationToken)
            : ResponseWatch.WatchAsync(request, base.SendAsync(request, cancellationToken), client);

    // Async, so that the scope is entered below and nowhere else.
    private async Task<HttpResponseMessage> SendInScopeAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var scope = PropagatorActivation.Enter(Transport);
        return ResponseWatch.Watch(request, await base.SendAsync(request, cancellationToken).ConfigureAwait(false), client);
    }

    // Returns true if the runtime calls our propagator only inside PropagatorActivation.Enter.
    private bool Begin(HttpRequestMessage request)
    {
        try
        {
            // The handler below reports a message it cannot send.
            if (request?.RequestUri is not { IsAbsoluteUri: true } uri || !MayBeTouchedAgain(request))
                return false;
            if (!RequestTracking.TryGetHeaders(request, out var headers) && !RequestTracking.TryGuard(request, client.Policy, out headers))
                return false;
            RequestTracking.BeginAttempt(request, uri);
            if (RequestTracking.NeedsWriting(request, headers))
                RequestTracking.WriteHop(request, headers, Transport.FindBaggageSource());
            if (Transport.IsDerived)
                RequestTracking.BeginAttempt(request, null);
            return Transport.FollowsRedirects && Activity.Current is null;
        }
        catch (Exception exception)
        {
            // A fault here must not fail a request, not even one that is sent twice at once.
            client.Report(exception);
            return false;
        }
    }

    // In the order of cost: with redirects off, most messages are touched again only if the response is a redirect.
    private bool MayBeTouchedAgain(HttpRequestMessage request)
    {
        if (!Transport.FollowsRedirects && !Transport.CallsPropagator && !RequestTracking.MayHaveBeenRedirected(request))
            return false;
        return RequestTracking.MayConcern(request)
            && (Transport.FollowsRedirects || PropagatorActivation.MayRun(request) || RequestTracking.MayHaveBeenRedirected(request));
    }
}
