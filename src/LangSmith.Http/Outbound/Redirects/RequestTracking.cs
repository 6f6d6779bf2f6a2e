using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// What is known of one message between its attempts and hops: the headers it may carry, where the attempt started, and where
/// redirects led. Kept in <see cref="HttpRequestMessage.Options"/>, which retries and hedging copy.
/// </summary>
/// <remarks>
/// The values of most messages are objects that exist anyway, under two keys. A state object of our own would be one
/// allocation more on every request, and a fourth key would make the dictionary grow.
/// </remarks>
internal static class RequestTracking
{
    private static readonly HttpRequestOptionsKey<RunHeaders> HeadersKey = new("ls.headers");
    private static readonly HttpRequestOptionsKey<PropagationPolicy> PolicyKey = new("ls.policy");

    // The Uri where the attempt started, or a Route if there is more to know. With null, the attempt starts at its next hop.
    private static readonly HttpRequestOptionsKey<object?> RouteKey = new("ls.route");

    // Older ones are forgotten, because a run, and with it the list, may live as long as the process.
    private const int MaxRedirectsOfARun = 100;

    // Where redirects led, by the langsmith-trace of the message that was redirected, for copies that lose their options.
    private static readonly ConditionalWeakTable<string, Uri[]> RedirectsByTrace = [];

    // Most processes never see a redirect to another origin, and have nothing to look up.
    private static volatile bool s_sawRedirects;

    /// <summary>
    /// False if a message is neither tracked nor carries <c>langsmith-trace</c>. Cheap, because every request is asked: one
    /// look-up, and only if the message has headers.
    /// </summary>
    internal static bool MayConcern(HttpRequestMessage request) =>
        Ambient.Current is { HasContext: true } || TryGetHeaders(request, out _) || HasTrace(request);

    /// <summary>True if a message is tracked, or may be a copy of one that is.</summary>
    internal static bool Concerns(HttpRequestMessage request, bool mayBeCopy) =>
        TryGetHeaders(request, out _) || (mayBeCopy && HasTrace(request));

    /// <summary>The headers a message may carry; false if it is not tracked.</summary>
    internal static bool TryGetHeaders(HttpRequestMessage request, [NotNullWhen(true)] out RunHeaders? headers)
    {
        headers = null;
        return RuntimeInternals.HasOptions(request) && request.Options.TryGetValue(HeadersKey, out headers);
    }

    /// <summary>
    /// True if another message with this <c>langsmith-trace</c> was redirected, so that a copy of that one must be told from a
    /// new message.
    /// </summary>
    internal static bool SawRedirect(string? trace) => s_sawRedirects && FindRedirects(trace) is not null;

    /// <summary>True if a message, or one it may be a copy of, was sent before, so that it may have been redirected.</summary>
    internal static bool MayHaveBeenRedirected(HttpRequestMessage request) =>
        s_sawRedirects && (TryGetHeaders(request, out _) || FindRedirects(HeaderWriter.GetTrace(request)) is not null);

    /// <summary>Writes both headers, and remembers them for the hops and attempts to come.</summary>
    internal static void Write(
        HttpRequestMessage request, RunHeaders headers, PropagationPolicy policy, IEnumerable<KeyValuePair<string, string?>>? fromActivity)
    {
        // Most messages are new and have no options yet.
        object? known = null;
        if (RuntimeInternals.HasOptions(request))
            request.Options.TryGetValue(RouteKey, out known);
        if (s_sawRedirects && headers.Trace is { } trace && !TryGetHeaders(request, out _) && !HasTrace(request))
            ForgetRedirect(GetKey(trace), request.RequestUri!);
        SetBaggage(request, known, HeaderWriter.Write(request, headers, (known as Route)?.Baggage, fromActivity, isNewAttempt: true));
        request.Options.Set(HeadersKey, headers);
        // Without targets, no policy means the same, unless an earlier attempt left one.
        if (policy.HasTargets || known is not null)
            request.Options.Set(PolicyKey, policy);
    }

    /// <summary>
    /// Tracks a message that carries LangSmith headers and is not known: a handler copied it without its options, or the
    /// application wrote the headers. False if it carries none.
    /// </summary>
    internal static bool TryGuard(HttpRequestMessage request, PropagationPolicy policy, [NotNullWhen(true)] out RunHeaders? headers)
    {
        headers = HeaderWriter.Read(request, out var baggage);
        if (headers is null)
            return false;
        request.Options.Set(HeadersKey, headers);
        if (policy.HasTargets)
            request.Options.Set(PolicyKey, policy);
        var redirects = s_sawRedirects ? FindRedirects(headers.Trace) : null;
        if (redirects is not null || baggage is not null)
            request.Options.Set(RouteKey, new Route(null, redirects ?? [], baggage));
        return true;
    }

    /// <summary>Writes nothing on the hops of this message until the handler sees it again.</summary>
    internal static void Silence(HttpRequestMessage request) => request.Options.Set(HeadersKey, RunHeaders.Nothing);

    /// <summary>Marks the start of an attempt, below every handler that rewrites URIs.</summary>
    /// <param name="request">A tracked message.</param>
    /// <param name="headers">What it may carry.</param>
    /// <param name="start">Where the attempt starts; null if the next hop decides.</param>
    /// <returns>
    /// True if the headers have to be written once more before the attempt is sent: a redirect was seen, or a handler below the
    /// propagation handler changed <c>baggage</c>.
    /// </returns>
    internal static bool BeginAttempt(HttpRequestMessage request, RunHeaders headers, Uri? start)
    {
        request.Options.TryGetValue(RouteKey, out var known);
        if (known is not Route route)
        {
            if (!ReferenceEquals(known, start))
                request.Options.Set(RouteKey, start);
            // The changed line is remembered now, because OpenTelemetry may replace it before the next hop.
            return HeaderWriter.IsBaggageChanged(request, headers, null);
        }

        // Where a redirect led is not where the attempt starts: the runtime left its URI in the message.
        if (!route.LeadsTo(request.RequestUri!) && !ReferenceEquals(route.Start, start))
            request.Options.Set(RouteKey, route with { Start = start });
        return route.Redirects.Length > 0 || HeaderWriter.IsBaggageChanged(request, headers, route.Baggage);
    }

    /// <summary>True if a redirect led a message, or the one it is a copy of, to an origin.</summary>
    internal static bool WasRedirectedTo(HttpRequestMessage request, Uri origin)
    {
        if (!s_sawRedirects)
            return false;
        if (TryGetHeaders(request, out _))
            return request.Options.TryGetValue(RouteKey, out var known) && known is Route route && route.LeadsTo(origin);
        return FindRedirects(HeaderWriter.GetTrace(request)) is { } redirects && IsAmong(redirects, origin);
    }

    /// <summary>Writes the headers of one hop, or removes them if the hop may not have them.</summary>
    /// <param name="request">A tracked message, its URI that of the hop.</param>
    /// <param name="headers">What it may carry.</param>
    /// <param name="fromActivity">The members of the activity's baggage that travel; null for none.</param>
    internal static void WriteHop(HttpRequestMessage request, RunHeaders headers, IEnumerable<KeyValuePair<string, string?>>? fromActivity)
    {
        var hop = request.RequestUri!;
        request.Options.TryGetValue(RouteKey, out var known);
        var route = known as Route;
        var start = route is null ? known as Uri : route.Start;
        if (start is null && route?.LeadsTo(hop) != true)
        {
            known = route is null ? hop : route with { Start = hop };
            request.Options.Set(RouteKey, known);
            start = hop;
        }

        var isAllowed = start is not null && PropagationTarget.IsSameOrigin(start, hop);
        if (!isAllowed)
        {
            isAllowed = request.Options.TryGetValue(PolicyKey, out var policy) && policy.Names(hop);
            if (isAllowed || HeaderWriter.GetTrace(request) is not null)
                OutboundTelemetry.CountRedirect(isAllowed);
            if (!isAllowed)
                known = AddRedirect(request, known, hop);
        }

        var written = isAllowed ? headers : RunHeaders.Nothing;
        SetBaggage(request, known, HeaderWriter.Write(request, written, (known as Route)?.Baggage, fromActivity, isNewAttempt: false));
    }

    /// <summary>
    /// Remembers where a response redirects a message, if that is another origin: a handler in the chain may follow it, with
    /// this message or with a copy.
    /// </summary>
    internal static void ReadRedirect(HttpRequestMessage request, HttpResponseMessage response, PropagationPolicy policy)
    {
        var from = response.RequestMessage?.RequestUri ?? request.RequestUri!;
        // As text: on Unix, "/path" parses as the absolute URI of a file.
        if (!response.Headers.NonValidated.TryGetValues("Location", out var location)
            || !Uri.TryCreate(from, location.ToString(), out var to))
            return;
        if (!TryGetHeaders(request, out _) && !TryGuard(request, policy, out _))
            return;
        request.Options.TryGetValue(RouteKey, out var known);
        // A message that was not tracked so far started here, unless it is a copy of one that a redirect led here.
        if (known is Route { Start: null } route && !route.LeadsTo(from))
            known = route with { Start = from };
        var start = known as Uri ?? (known as Route)?.Start ?? from;
        if (!PropagationTarget.IsSameOrigin(start, to))
            AddRedirect(request, known ?? from, to);
    }

    private static bool HasTrace(HttpRequestMessage request) =>
        RuntimeInternals.HasHeaders(request) && HeaderWriter.GetTrace(request) is not null;

    private static Route AddRedirect(HttpRequestMessage request, object? known, Uri to)
    {
        var route = known as Route ?? new Route(known as Uri, [], null);
        if (!route.LeadsTo(to))
        {
            route = route with { Redirects = [.. route.Redirects, to] };
            request.Options.Set(RouteKey, route);
        }

        s_sawRedirects = true;
        if (request.Options.TryGetValue(HeadersKey, out var headers) && headers.Trace is { } trace)
            ShareRedirect(GetKey(trace), to);
        return route;
    }

    // Other messages of the run may be redirected at the same time.
    private static void ShareRedirect(string trace, Uri to)
    {
        lock (RedirectsByTrace)
        {
            var known = RedirectsByTrace.TryGetValue(trace, out var redirects) ? redirects : [];
            if (!IsAmong(known, to))
                RedirectsByTrace.AddOrUpdate(trace, [to, .. known.Take(MaxRedirectsOfARun - 1)]);
        }
    }

    // The application sends a new message of the run there itself, so a copy of that message may carry the headers, too.
    private static void ForgetRedirect(string trace, Uri to)
    {
        lock (RedirectsByTrace)
        {
            if (RedirectsByTrace.TryGetValue(trace, out var redirects) && IsAmong(redirects, to))
                RedirectsByTrace.AddOrUpdate(trace, [.. redirects.Where(origin => !PropagationTarget.IsSameOrigin(origin, to))]);
        }
    }

    private static Uri[]? FindRedirects(string? trace) =>
        trace is not null && RedirectsByTrace.TryGetValue(GetKey(trace), out var redirects) ? redirects : null;

    // The table compares references: the current run's own string is the same in all of its messages.
    private static string GetKey(string trace) =>
        Ambient.Current?.Context?.DottedOrder is { } current && string.Equals(current, trace, StringComparison.Ordinal) ? current : trace;

    private static bool IsAmong(Uri[] origins, Uri origin)
    {
        foreach (var other in origins)
        {
            if (PropagationTarget.IsSameOrigin(other, origin))
                return true;
        }

        return false;
    }

    private static void SetBaggage(HttpRequestMessage request, object? known, WrittenBaggage? baggage)
    {
        if (baggage is not null && !ReferenceEquals(baggage, (known as Route)?.Baggage))
            request.Options.Set(RouteKey, known is Route route ? route with { Baggage = baggage } : new Route(known as Uri, [], baggage));
    }

    // Immutable: copies of a message share it.
    private sealed record Route(Uri? Start, Uri[] Redirects, WrittenBaggage? Baggage)
    {
        internal bool LeadsTo(Uri origin) => IsAmong(Redirects, origin);
    }
}
