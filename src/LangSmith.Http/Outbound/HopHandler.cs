namespace LangSmith.Http;

/// <summary>
/// Sits directly above a <see cref="SocketsHttpHandler"/> that follows redirects. It remembers where each attempt starts,
/// below every handler that rewrites URIs, and makes the runtime call <see cref="HopPropagator"/> on each hop.
/// </summary>
internal sealed class HopHandler(HttpMessageHandler primary) : DelegatingHandler(primary)
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

    private static bool NeedsPrivateActivity(HttpRequestMessage request) =>
        request is not null && OutboundMessage.MayBeTracked && OutboundMessage.TrySetStart(request) && RuntimeActivity.NeedsPrivate(request);
}
