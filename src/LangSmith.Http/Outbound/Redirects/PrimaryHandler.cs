using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Runs;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// What is below a handler of ours, found out once, before its first message is sent: whether the primary handler follows
/// redirects, and whether <see cref="HopPropagator"/> sees them.
/// </summary>
/// <param name="RedirectsUnseenBecause">Why redirects go unseen; null when they are seen, or none are followed.</param>
/// <param name="MayCallPropagator">Whether the runtime calls our propagator; then messages are remembered in their options.</param>
/// <param name="FollowsRedirects">Whether redirects are followed and seen.</param>
/// <param name="SendsActivityBaggage">
/// Whether the handler itself merges the activity's baggage, because nobody below will: the runtime leaves a
/// <c>baggage</c> header alone that is there already.
/// </param>
internal sealed record PrimaryHandler(string? RedirectsUnseenBecause, bool MayCallPropagator, bool FollowsRedirects, bool SendsActivityBaggage)
{
    private static readonly bool IsPropagationOff = ReadPropagationSwitch();

    /// <summary>Walks down to the primary handler and puts the propagator there. Never throws.</summary>
    internal static PrimaryHandler Install(DelegatingHandler handler, ClientPolicy client)
    {
        var above = handler;
        while (above.InnerHandler is DelegatingHandler next)
            above = next;

        switch (above.InnerHandler)
        {
            case SocketsHttpHandler sockets:
                return Install(sockets, above, client);
            case HttpClientHandler { AllowAutoRedirect: true }:
                return new PrimaryHandler("the primary handler is an HttpClientHandler", MayCallPropagator: false, FollowsRedirects: false, SendsActivityBaggage: !IsPropagationOff);
            default:
                // A mock, a test server, or redirects that are off: the message that leaves is the one the handler sees.
                return new PrimaryHandler(null, MayCallPropagator: false, FollowsRedirects: false, SendsActivityBaggage: !IsPropagationOff);
        }
    }

    private static PrimaryHandler Install(SocketsHttpHandler sockets, DelegatingHandler above, ClientPolicy client)
    {
        var unseenBecause = TryInstallPropagator(sockets, client);
        if (unseenBecause is null && sockets.AllowAutoRedirect && !TryInstallHopHandler(above, sockets, client))
            unseenBecause = "a handler above the primary one was already in use";
        if (unseenBecause is null)
            return new PrimaryHandler(null, MayCallPropagator: true, sockets.AllowAutoRedirect, SendsActivityBaggage: false);
        // Whoever took the propagator away wants no activity's baggage on the wire. Where it could not be put in place, the
        // runtime's own finds our header there and leaves the activity's baggage to us.
        var sendsActivityBaggage = !IsPropagationOff && sockets.ActivityHeadersPropagator is not null;
        return new PrimaryHandler(sockets.AllowAutoRedirect ? unseenBecause : null, MayCallPropagator: false, FollowsRedirects: false, sendsActivityBaggage);
    }

    private static string? TryInstallPropagator(SocketsHttpHandler sockets, ClientPolicy client)
    {
        if (IsPropagationOff)
            return "activity propagation is switched off for the process";
        switch (sockets.ActivityHeadersPropagator)
        {
            case HopPropagator:
                return null;
            case null:
                return "its ActivityHeadersPropagator is null";
            case var propagator:
                try
                {
                    sockets.ActivityHeadersPropagator = new HopPropagator(propagator, sockets.AllowAutoRedirect, client);
                    return null;
                }
                catch (InvalidOperationException)
                {
                    // A shared primary handler that has sent a request takes no more settings; disposed ones neither.
                    return sockets.ActivityHeadersPropagator is HopPropagator ? null : "the primary handler was already in use";
                }
        }
    }

    private static bool TryInstallHopHandler(DelegatingHandler above, SocketsHttpHandler sockets, ClientPolicy client)
    {
        if (above is HopHandler)
            return true;
        try
        {
            above.InnerHandler = new HopHandler(sockets, client);
            return true;
        }
        catch (InvalidOperationException)
        {
            // Handlers take no new inner one once they have sent a request.
            return above.InnerHandler is HopHandler;
        }
    }

    // The same switch, read the same way, as the runtime's.
    private static bool ReadPropagationSwitch()
    {
        if (AppContext.TryGetSwitch("System.Net.Http.EnableActivityPropagation", out var isEnabled))
            return !isEnabled;
        var value = LangSmithVariables.OfProcess("DOTNET_SYSTEM_NET_HTTP_ENABLEACTIVITYPROPAGATION");
        return value is not null && (value == "0" || value.Equals("false", StringComparison.OrdinalIgnoreCase));
    }
}
