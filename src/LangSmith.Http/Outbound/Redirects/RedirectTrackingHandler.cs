using System.Diagnostics;
using LangSmith.Http.Diagnostics;
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
        var scope = Begin(request) ? Enter(request) : null;
        try
        {
            return ResponseWatch.Watch(request, base.Send(request, cancellationToken), client);
        }
        finally
        {
            Leave(scope);
        }
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Begin(request)
            ? SendInScopeAsync(request, cancellationToken)
            : ResponseWatch.WatchAsync(request, base.SendAsync(request, cancellationToken), client);

    // Async, so that the scope is entered below and nowhere else.
    private async Task<HttpResponseMessage> SendInScopeAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var scope = Enter(request);
        try
        {
            return ResponseWatch.Watch(request, await base.SendAsync(request, cancellationToken).ConfigureAwait(false), client);
        }
        finally
        {
            Leave(scope);
        }
    }

    // Activities and their sources call the application's observers.
    private IDisposable? Enter(HttpRequestMessage request)
    {
        try
        {
            KeptFields.Remember(request, Transport.Fields);
            return PropagatorActivation.Enter(Transport);
        }
        catch (Exception exception)
        {
            // A fault here must not fail a request. The headers are removed, because redirects will not be seen.
            client.Report(exception);
            RequestTracking.Silence(request);
            HeaderWriter.Remove(request);
            return null;
        }
    }

    private void Leave(IDisposable? scope)
    {
        if (scope is not null && NeverThrow.Run(scope, static scope => scope.Dispose()) is { } exception)
            client.Report(exception);
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
            if (RequestTracking.BeginAttempt(request, headers, uri))
                RequestTracking.WriteHop(request, headers, Transport.FindBaggage(request));
            if (Transport.IsDerived)
                RequestTracking.BeginAttempt(request, headers, null);
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
    private bool MayBeTouchedAgain(HttpRequestMessage request) =>
        (Transport.MayTouchHeaders || RequestTracking.MayHaveBeenRedirected(request)) && RequestTracking.MayConcern(request);
}
