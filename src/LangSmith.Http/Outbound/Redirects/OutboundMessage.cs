using System.Diagnostics.CodeAnalysis;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// What we know of one message between its attempts and hops, kept in its <see cref="HttpRequestMessage.Options"/>, which
/// retries and hedging copy.
/// </summary>
/// <remarks>
/// The values of most messages are objects that exist anyway, under three keys: that is what the options' dictionary
/// holds before it grows, and a state object of our own would be one allocation more on every request. Each look into
/// the options hashes a key, so what is asked together is kept together, and keys are short.
/// </remarks>
internal static class OutboundMessage
{
    private static readonly HttpRequestOptionsKey<RunHeaders> HeadersKey = new("ls.headers");
    private static readonly HttpRequestOptionsKey<OutboundPolicy> PolicyKey = new("ls.policy");

    // The Uri where the attempt started; a Path once there is more to remember.
    private static readonly HttpRequestOptionsKey<object> PathKey = new("ls.path");
    private static readonly HttpRequestOptionsKey<RunContext> ParentKey = new("ls.parent");
    private static readonly HttpRequestOptionsKey<bool> SuppressedKey = new("ls.suppressed");

    // Set by the first SetLangSmithParent or SuppressLangSmithPropagation of the process. The options of a message come
    // into being when they are first touched, about 100 bytes: who never uses these never pays.
    private static volatile bool s_hasOverrides;

    internal static void SetParent(HttpRequestMessage request, RunContext parent)
    {
        if (ReferenceEquals(parent, RunContext.Nothing))
            return;
        request.Options.Set(ParentKey, parent);
        s_hasOverrides = true;
    }

    internal static void SetSuppressed(HttpRequestMessage request)
    {
        request.Options.Set(SuppressedKey, true);
        s_hasOverrides = true;
    }

    internal static bool IsSuppressed(HttpRequestMessage request) =>
        s_hasOverrides && request.Options.TryGetValue(SuppressedKey, out var isSuppressed) && isSuppressed;

    internal static RunContext? GetParent(HttpRequestMessage request) =>
        s_hasOverrides && request.Options.TryGetValue(ParentKey, out var parent) ? parent : null;

    /// <summary>Remembers what the handler put on the message, for the hops and attempts to come.</summary>
    internal static void Remember(HttpRequestMessage request, RunHeaders headers, OutboundPolicy policy)
    {
        request.Options.TryGetValue(PathKey, out var known);
        SetStart(request, known);
        request.Options.Set(HeadersKey, headers);
        // Without targets no policy says the same, unless an earlier attempt left one.
        if (known is not null || policy.HasTargets)
            request.Options.Set(PolicyKey, policy);
    }

    /// <summary>Says nothing of ours on the hops of this attempt; the message stays one the handler knows.</summary>
    internal static void Silence(HttpRequestMessage request) => request.Options.Set(HeadersKey, RunHeaders.Nothing);

    /// <summary>
    /// Whether a message can be one of ours at all. Without a run there is nothing of ours on it, and its options stay
    /// untouched.
    /// </summary>
    internal static bool MayBeTracked => Ambient.Current is { HasContext: true } || s_hasOverrides;

    /// <summary>Whether a handler of ours put headers on this message.</summary>
    internal static bool IsTracked(HttpRequestMessage request) => request.Options.TryGetValue(HeadersKey, out _);

    /// <summary>What a handler of ours put on this message.</summary>
    internal static bool TryGet(HttpRequestMessage request, [NotNullWhen(true)] out RunHeaders? headers)
    {
        headers = null;
        // The header is looked at for messages that were handed to another flow of execution on their way.
        return (MayBeTracked || request.Headers.NonValidated.Contains(RunContext.TraceHeaderName))
            && request.Options.TryGetValue(HeadersKey, out headers!);
    }

    /// <summary>
    /// The headers of a message that names the current run and yet is not remembered: a retry below the handler copied it
    /// without its options, or an activity was started below the handler. Null when it names another run, or none.
    /// </summary>
    internal static RunHeaders? Recover(HttpRequestMessage request, OutboundPolicy policy) =>
        Ambient.Current?.Context is { } context && OutboundHeaders.Carries(request, context) ? context.GetHeaders(policy.Format) : null;

    /// <summary>Whether the options of the client a tracked message came through name an origin.</summary>
    internal static bool IsTarget(HttpRequestMessage request, Uri origin) =>
        request.Options.TryGetValue(PolicyKey, out var policy) && policy.HasTargets && policy.Allows(origin);

    /// <summary>
    /// Remembers where an attempt of a tracked message starts, below every handler that rewrites URIs. False when the
    /// message is not tracked.
    /// </summary>
    internal static bool TrySetStart(HttpRequestMessage request)
    {
        if (!request.Options.TryGetValue(PathKey, out var known))
            return false;
        SetStart(request, known);
        return true;
    }

    /// <summary>Where the attempt started, and what <see cref="GetMerge"/> yields.</summary>
    internal static Uri GetStart(HttpRequestMessage request, out BaggageMerge? merge)
    {
        request.Options.TryGetValue(PathKey, out var known);
        var path = known as Path;
        merge = path?.Merge;
        return path?.Start ?? known as Uri ?? request.RequestUri!;
    }

    /// <summary>
    /// Remembers that the message has come to where it may not have our headers. The runtime rewrites
    /// <see cref="HttpRequestMessage.RequestUri"/> on a redirect, so the next attempt would look like a first request
    /// to that origin.
    /// </summary>
    internal static void SetDenied(HttpRequestMessage request) =>
        request.Options.Set(PathKey, GetPath(request) with { Denied = request.RequestUri });

    internal static bool IsDenied(HttpRequestMessage request) =>
        request.Options.TryGetValue(PathKey, out var known) && known is Path { Denied: { } denied } && OutboundTarget.IsSameOrigin(denied, request.RequestUri!);

    /// <summary>What the last writer left; null if it merged nothing.</summary>
    internal static BaggageMerge? GetMerge(HttpRequestMessage request) =>
        request.Options.TryGetValue(PathKey, out var known) && known is Path path ? path.Merge : null;

    internal static void SetMerge(HttpRequestMessage request, BaggageMerge? merge)
    {
        if (merge is not null)
            request.Options.Set(PathKey, GetPath(request) with { Merge = merge });
    }

    // Where a redirect took the message before is not where it starts: the hop is judged by the real start.
    private static void SetStart(HttpRequestMessage request, object? known)
    {
        var uri = request.RequestUri!;
        if (known is not Path path)
        {
            if (!ReferenceEquals(known, uri))
                request.Options.Set(PathKey, uri);
        }
        else if (!ReferenceEquals(path.Start, uri) && (path.Denied is null || !OutboundTarget.IsSameOrigin(path.Denied, uri)))
        {
            request.Options.Set(PathKey, path with { Start = uri });
        }
    }

    private static Path GetPath(HttpRequestMessage request)
    {
        request.Options.TryGetValue(PathKey, out var known);
        return known as Path ?? new Path(known as Uri ?? request.RequestUri!, null, null);
    }

    // Immutable: copies of a message share it.
    private sealed record Path(Uri Start, Uri? Denied, BaggageMerge? Merge);
}
