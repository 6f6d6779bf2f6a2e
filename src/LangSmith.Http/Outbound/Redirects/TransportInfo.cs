using System.Diagnostics;
using LangSmith.Http.Outbound.Headers;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>What the primary handler of a chain does to our headers. Found out once, before the first request.</summary>
internal sealed class TransportInfo
{
    // Null if no activity's baggage is sent.
    private readonly SentBaggage? _baggage;

    private TransportInfo(
        SentBaggage? baggage,
        bool callsPropagator,
        bool followsRedirects,
        bool isDerived,
        string? redirectsUnseenBecause)
    {
        _baggage = baggage;
        CallsPropagator = callsPropagator;
        FollowsRedirects = followsRedirects;
        IsDerived = isDerived;
        RedirectsUnseenBecause = redirectsUnseenBecause;
    }

    /// <summary>True if the runtime calls our <see cref="RedirectAwarePropagator"/> for requests under an activity.</summary>
    internal bool CallsPropagator { get; }

    /// <summary>True if the primary handler follows redirects, and we see them.</summary>
    internal bool FollowsRedirects { get; }

    /// <summary>True if the primary handler may change the headers of the next message.</summary>
    internal bool MayTouchHeaders => FollowsRedirects || (CallsPropagator && PropagatorActivation.MayRun);

    /// <summary>True if the primary handler is of a user's class, which may rewrite the URI and send more than once.</summary>
    internal bool IsDerived { get; }

    /// <summary>Why the primary handler follows redirects that we do not see; null otherwise.</summary>
    internal string? RedirectsUnseenBecause { get; }

    /// <summary>
    /// True if there is no <see cref="RedirectTrackingHandler"/>: the propagation handler is directly above a primary handler that
    /// touches no headers, or a handler below it takes no new inner handler. It then looks at responses itself.
    /// </summary>
    internal bool IsWatchedByHandler { get; private set; }

    /// <summary>
    /// Walks down a chain to its primary handler, puts <see cref="RedirectAwarePropagator"/> into it and
    /// <see cref="RedirectTrackingHandler"/> directly above it. Never throws.
    /// </summary>
    internal static TransportInfo Install(DelegatingHandler handler, ClientPropagation client)
    {
        var above = handler;
        while (above.InnerHandler is DelegatingHandler next)
        {
            if (next is RedirectTrackingHandler tracking)
                return tracking.Transport;
            above = next;
        }

        var transport = Inspect(above.InnerHandler, client);
        if (above == handler && !transport.FollowsRedirects && !transport.CallsPropagator)
        {
            transport.IsWatchedByHandler = true;
            return transport;
        }

        try
        {
            above.InnerHandler = new RedirectTrackingHandler(above.InnerHandler!, transport, client);
            return transport;
        }
        catch (InvalidOperationException) when (above.InnerHandler is RedirectTrackingHandler tracking)
        {
            // Another client that shares the handler was faster.
            return tracking.Transport;
        }
        catch (InvalidOperationException)
        {
            // A handler takes no new inner handler after its first request.
            return transport.WithoutTracking("a handler above the primary one was already in use");
        }
    }

    /// <summary>The headers that the wrapped propagator may write.</summary>
    internal IReadOnlyCollection<string> Fields => _baggage?.Propagator.Fields ?? [];

    /// <summary>The members of the current activity's baggage that are sent with requests; null for none.</summary>
    internal IEnumerable<KeyValuePair<string, string?>>? FindBaggage(HttpRequestMessage request) =>
        _baggage is not null && Activity.Current is { } activity ? _baggage.Find(activity, request) : null;

    private static TransportInfo Inspect(HttpMessageHandler? primary, ClientPropagation client)
    {
        var sockets = primary is HttpClientHandler wrapper ? RuntimeInternals.GetSocketsHandler(wrapper) : primary as SocketsHttpHandler;
        var isDerived = primary is HttpClientHandler && primary.GetType() != typeof(HttpClientHandler);
        if (RuntimeInternals.IsPropagationOff)
            return Unseen(null, "activity propagation is switched off for the process");
        if (sockets is null)
        {
            return Unseen(DistributedContextPropagator.Current, primary is HttpClientHandler
                ? "the SocketsHttpHandler inside the HttpClientHandler cannot be reached"
                : "the primary handler is no SocketsHttpHandler");
        }

        switch (sockets.ActivityHeadersPropagator)
        {
            case RedirectAwarePropagator ours:
                return Seen(ours.Baggage);
            case null:
                // An opt-out. To wrap it would switch activities back on.
                return Unseen(null, "its ActivityHeadersPropagator is null");
            case var propagator:
                try
                {
                    var baggage = new SentBaggage(propagator);
                    sockets.ActivityHeadersPropagator = new RedirectAwarePropagator(baggage, client);
                    return Seen(baggage);
                }
                catch (InvalidOperationException) when (sockets.ActivityHeadersPropagator is RedirectAwarePropagator ours)
                {
                    // Another client that shares the handler was faster.
                    return Seen(ours.Baggage);
                }
                catch (InvalidOperationException)
                {
                    // It takes no settings after its first request, and none after it was disposed.
                    return Unseen(propagator, "the primary handler was already in use");
                }
        }

        TransportInfo Seen(SentBaggage baggage) => new(baggage, true, sockets.AllowAutoRedirect, isDerived, null);

        // A mock or a test server follows no redirects.
        TransportInfo Unseen(DistributedContextPropagator? propagator, string cause)
        {
            var follows = primary switch
            {
                SocketsHttpHandler handler => handler.AllowAutoRedirect,
                HttpClientHandler handler => handler.AllowAutoRedirect,
                not null => RuntimeInternals.FollowsRedirects(primary),
                null => false,
            };
            return new TransportInfo(
                propagator is null ? null : new SentBaggage(propagator), false, false, isDerived, follows ? cause : null);
        }
    }

    // Only the propagation handler is left to look at responses: a handler above it may follow a redirect.
    private TransportInfo WithoutTracking(string cause) =>
        new(_baggage, !FollowsRedirects && CallsPropagator, false, IsDerived, FollowsRedirects ? cause : RedirectsUnseenBecause)
        {
            IsWatchedByHandler = true,
        };
}
