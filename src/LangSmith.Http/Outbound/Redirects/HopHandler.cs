using LangSmith.Http.Outbound.Headers;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Sits directly above a <see cref="SocketsHttpHandler"/> that follows redirects. It remembers where each attempt starts,
/// below every handler that rewrites URIs, and makes the runtime call <see cref="HopPropagator"/> on each hop.
/// </summary>
internal sealed class HopHandler(HttpMessageHandler primary, ClientPolicy client) : DelegatingHandler(primary)
{
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!NeedsPrivateActivity(request))
            return base.Send(request, cancellationToken);
        using var activity = RuntimeActivity.StartPrivate();
        return base.Send(request, cancellationToken);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        NeedsPrivateActivity(request) ? SendUnderPrivateActivityAsync(request, cancellationToken) : base.SendAsync(request, cancellationToken);

    // Async, so that the activity is current below and nowhere else.
    private async Task<HttpResponseMessage> SendUnderPrivateActivityAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var activity = RuntimeActivity.StartPrivate();
        return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private bool NeedsPrivateActivity(HttpRequestMessage request)
    {
        if (request is null || !OutboundMessage.MayBeTracked)
            return false;
        try
        {
            if (!OutboundMessage.TrySetStart(request))
            {
                if (OutboundMessage.Recover(request, client.Current) is not { } headers)
                    return false;
                OutboundMessage.Remember(request, headers, client.Current);
            }

            return RuntimeActivity.NeedsPrivate(request);
        }
        catch (Exception exception)
        {
            // Nothing of ours may fail a request, not even one that is sent twice at once.
            client.Report(exception);
            return false;
        }
    }
}
