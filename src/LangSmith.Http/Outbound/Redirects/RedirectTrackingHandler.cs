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
        // Nothing of ours is on the message.
        Untracked,
        Tracked,

        // The runtime calls our propagator only if we start an activity.
        NeedsActivity,
    }

    internal TransportInfo Transport { get; } = transport;

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var attempt = Begin(request);
        using var activity = attempt is Attempt.NeedsActivity ? PropagatorActivation.StartPrivate() : null;
        var response = base.Send(request, cancellationToken);
        if (attempt is not Attempt.Untracked)
            End(request, response);
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
            return EndAsync(request, sending);
        if (sending.IsCompletedSuccessfully)
            End(request, sending.Result);
        return sending;
    }

    // Async, so that the activity is current below and nowhere else.
    private async Task<HttpResponseMessage> SendUnderActivityAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var activity = PropagatorActivation.StartPrivate();
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        End(request, response);
        return response;
    }

    private async Task<HttpResponseMessage> EndAsync(HttpRequestMessage request, Task<HttpResponseMessage> sending)
    {
        var response = await sending.ConfigureAwait(false);
        End(request, response);
        return response;
    }

    private Attempt Begin(HttpRequestMessage request)
    {
        try
        {
            // The handler below reports a message it cannot send.
            if (request?.RequestUri is not { IsAbsoluteUri: true } uri || !RequestTracking.MayConcern(request))
                return Attempt.Untracked;
            if (!RequestTracking.TryGetHeaders(request, out var headers))
            {
                if (!MayBeTouchedAgain(request))
                    return HeaderWriter.HasOurs(request) ? Attempt.Tracked : Attempt.Untracked;
                if (!RequestTracking.TryGuard(request, client.Policy, out headers))
                    return Attempt.Untracked;
            }

            RequestTracking.BeginAttempt(request, uri);
            if (RequestTracking.WasRedirected(request))
                RequestTracking.WriteHop(request, headers, Transport.GetBaggageSource(Activity.Current));
            if (Transport.IsDerived)
                RequestTracking.BeginAttempt(request, null);
            return Transport.FollowsRedirects && PropagatorActivation.NeedsPrivate(Transport) ? Attempt.NeedsActivity : Attempt.Tracked;
        }
        catch (Exception exception)
        {
            // Nothing of ours may fail a request, not even one that is sent twice at once.
            client.Report(exception);
            return Attempt.Untracked;
        }
    }

    private void End(HttpRequestMessage request, HttpResponseMessage response)
    {
        try
        {
            if (response is not null && (int)response.StatusCode is >= 300 and < 400)
                RequestTracking.AddRedirect(request, response, client.Policy);
        }
        catch (Exception exception)
        {
            client.Report(exception);
        }
    }

    private bool MayBeTouchedAgain(HttpRequestMessage request) =>
        Transport.FollowsRedirects
        || (Transport.CallsPropagator && PropagatorActivation.MayRun(request))
        || RequestTracking.SawRedirect(HeaderWriter.GetTrace(request));
}
