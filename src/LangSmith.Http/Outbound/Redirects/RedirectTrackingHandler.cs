using System.Diagnostics;
using LangSmith.Http.Outbound.Headers;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Marks the start of each attempt, directly above the primary handler, and reads each response: below every handler that
/// retries, rewrites URIs, copies messages or follows redirects.
/// </summary>
internal sealed class RedirectTrackingHandler(HttpMessageHandler primary, TransportInfo transport, ClientPropagation client) : DelegatingHandler(primary)
{
    private enum Attempt
    {
        // No header of ours is on the message.
        Untracked,
        Tracked,

        // The runtime calls our propagator only if we start an activity.
        NeedsActivity,
    }

    internal TransportInfo Transport { get; } = transport;

    // A primary handler of a user's may return null.
    private static bool IsRedirect(HttpResponseMessage? response) => response is not null && (int)response.StatusCode is >= 300 and < 400;

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var attempt = Begin(request);
        using var activity = attempt is Attempt.NeedsActivity ? PropagatorActivation.StartPrivate() : null;
        var response = base.Send(request, cancellationToken);
        if (attempt is not Attempt.Untracked && IsRedirect(response))
            AddRedirect(request, response);
        return response;
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var attempt = Begin(request);
        if (attempt is Attempt.NeedsActivity)
            return SendUnderActivityAsync(request, cancellationToken);
        var sending = base.SendAsync(request, cancellationToken);
        if (attempt is Attempt.Untracked)
            return sending;
        if (!sending.IsCompleted)
            return WatchAsync(request, sending);
        if (sending.IsCompletedSuccessfully && IsRedirect(sending.Result))
            AddRedirect(request, sending.Result);
        return sending;
    }

    // Async, so that the activity is current below and nowhere else.
    private async Task<HttpResponseMessage> SendUnderActivityAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var activity = PropagatorActivation.StartPrivate();
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (IsRedirect(response))
            AddRedirect(request, response);
        return response;
    }

    private async Task<HttpResponseMessage> WatchAsync(HttpRequestMessage request, Task<HttpResponseMessage> sending)
    {
        var response = await sending.ConfigureAwait(false);
        if (IsRedirect(response))
            AddRedirect(request, response);
        return response;
    }

    // In the order of cost: with redirects off, most messages are looked at again only if the response is a redirect.
    private Attempt Begin(HttpRequestMessage request)
    {
        try
        {
            // The handler below reports a message it cannot send.
            if (request is null || !RequestTracking.MayConcern(request))
                return Attempt.Untracked;
            var mayBeTouchedAgain = Transport.FollowsRedirects
                || RequestTracking.MayHaveBeenRedirected(request)
                || (Transport.CallsPropagator && PropagatorActivation.MayRun(request));
            return mayBeTouchedAgain && request.RequestUri is { IsAbsoluteUri: true } uri ? Begin(request, uri) : Attempt.Tracked;
        }
        catch (Exception exception)
        {
            // Nothing of ours may fail a request, not even one that is sent twice at once.
            client.Report(exception);
            return Attempt.Untracked;
        }
    }

    private Attempt Begin(HttpRequestMessage request, Uri uri)
    {
        if (!RequestTracking.TryGetHeaders(request, out var headers) && !RequestTracking.TryGuard(request, client.Policy, out headers))
            return Attempt.Untracked;
        RequestTracking.BeginAttempt(request, uri);
        if (RequestTracking.WasRedirected(request))
            RequestTracking.WriteHop(request, headers, Transport.GetBaggageSource(Activity.Current));
        if (Transport.IsDerived)
            RequestTracking.BeginAttempt(request, null);
        return Transport.FollowsRedirects && PropagatorActivation.NeedsPrivate(Transport) ? Attempt.NeedsActivity : Attempt.Tracked;
    }

    private void AddRedirect(HttpRequestMessage request, HttpResponseMessage response)
    {
        try
        {
            RequestTracking.AddRedirect(request, response, client.Policy);
        }
        catch (Exception exception)
        {
            client.Report(exception);
        }
    }
}
