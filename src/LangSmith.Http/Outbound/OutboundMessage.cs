using System.Diagnostics.CodeAnalysis;

namespace LangSmith.Http;

/// <summary>
/// What we know of one message between its attempts and hops, kept in its <see cref="HttpRequestMessage.Options"/>, which
/// retries and hedging copy.
/// </summary>
/// <remarks>
/// The values are objects that exist anyway, under three keys: that is what the options' dictionary holds before it
/// grows, and a state object of our own would be one allocation more on every request.
/// </remarks>
internal static class OutboundMessage
{
    private static readonly HttpRequestOptionsKey<RunHeaders> HeadersKey = new("LangSmith.Http.Headers");
    private static readonly HttpRequestOptionsKey<OutboundPolicy> PolicyKey = new("LangSmith.Http.Policy");
    private static readonly HttpRequestOptionsKey<Uri> StartKey = new("LangSmith.Http.Start");
    private static readonly HttpRequestOptionsKey<Uri> DeniedKey = new("LangSmith.Http.Denied");
    private static readonly HttpRequestOptionsKey<Merge> MergeKey = new("LangSmith.Http.Merge");
    private static readonly HttpRequestOptionsKey<RunContext> ParentKey = new("LangSmith.Http.Parent");
    private static readonly HttpRequestOptionsKey<bool> SuppressedKey = new("LangSmith.Http.Suppressed");

    // Set by the first SetLangSmithParent or SuppressLangSmithPropagation of the process. The options of a message come
    // into being when they are first touched, about 100 bytes: who never uses these never pays.
    private static volatile bool s_hasOverrides;

    internal static void SetParent(HttpRequestMessage request, RunContext parent)
    {
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
        request.Options.Set(HeadersKey, headers);
        request.Options.Set(PolicyKey, policy);
        request.Options.Set(StartKey, request.RequestUri!);
    }

    /// <summary>
    /// Whether a message can be one of ours at all. Without a run there is nothing of ours on it, and its options stay
    /// untouched.
    /// </summary>
    internal static bool MayBeTracked => Ambient.Current is not null || s_hasOverrides;

    /// <summary>Whether a handler of ours put headers on this message.</summary>
    internal static bool IsTracked(HttpRequestMessage request) => request.Options.TryGetValue(HeadersKey, out _);

    /// <summary>What a handler of ours put on this message.</summary>
    internal static bool TryGet(HttpRequestMessage request, [NotNullWhen(true)] out RunHeaders? headers, [NotNullWhen(true)] out OutboundPolicy? policy)
    {
        headers = null;
        policy = null;
        // The header is looked at for messages that were handed to another flow of execution on their way.
        if (!MayBeTracked && !request.Headers.NonValidated.Contains(RunContext.TraceHeaderName))
            return false;
        return request.Options.TryGetValue(HeadersKey, out headers!) & request.Options.TryGetValue(PolicyKey, out policy!);
    }

    /// <summary>Where this attempt started, below every handler that rewrites URIs.</summary>
    internal static void SetStart(HttpRequestMessage request) => request.Options.Set(StartKey, request.RequestUri!);

    internal static Uri GetStart(HttpRequestMessage request) =>
        request.Options.TryGetValue(StartKey, out var start) ? start : request.RequestUri!;

    /// <summary>
    /// Remembers that the message has come to where it may not have our headers. The runtime rewrites
    /// <see cref="HttpRequestMessage.RequestUri"/> on a redirect, so the next attempt would look like a first request
    /// to that origin.
    /// </summary>
    internal static void SetDenied(HttpRequestMessage request) => request.Options.Set(DeniedKey, request.RequestUri!);

    internal static bool IsDenied(HttpRequestMessage request) =>
        request.Options.TryGetValue(DeniedKey, out var denied) && denied.Equals(request.RequestUri);

    /// <summary>
    /// The foreign members the caller had set, and the line we made of them. They differ from the header whenever
    /// somebody has written it since: the runtime removes it before it sends a message again, OpenTelemetry replaces it.
    /// </summary>
    internal static Merge? GetMerge(HttpRequestMessage request) => request.Options.TryGetValue(MergeKey, out var merge) ? merge : null;

    internal static void SetMerge(HttpRequestMessage request, Merge merge) => request.Options.Set(MergeKey, merge);

    /// <param name="Caller">The caller's foreign members; null when there were none.</param>
    /// <param name="Written">
    /// The line we wrote; null when nothing of ours is in it, because then somebody else may write the very same.
    /// </param>
    internal sealed record Merge(string? Caller, string? Written);
}
