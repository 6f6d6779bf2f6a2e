using LangSmith.Http;
using LangSmith.Http.Outbound.Redirects;

namespace System.Net.Http;

/// <summary>What one request says about its own trace headers.</summary>
/// <remarks>
/// It is said in the request's <see cref="HttpRequestMessage.Options"/>, which come into being when they are first looked
/// at. Once a process has used one of these methods, the handler looks at those of every request, about 100 bytes each.
/// </remarks>
public static class LangSmithHttpRequestMessageExtensions
{
    /// <summary>
    /// Makes <see cref="LangSmithPropagationHandler"/> send this run's headers with the request, whatever run is current.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="parent">The run the next service is to continue.</param>
    /// <returns>The request.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static HttpRequestMessage SetLangSmithParent(this HttpRequestMessage request, RunContext parent)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(parent);
        OutboundMessage.SetParent(request, parent);
        return request;
    }

    /// <summary>
    /// Makes <see cref="LangSmithPropagationHandler"/> leave this request alone. Say it before the request is sent: where
    /// redirects are off and no activity is current, nothing is remembered of a request, and headers of an earlier attempt
    /// stay on it.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <returns>The request.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="request"/> is null.</exception>
    public static HttpRequestMessage SuppressLangSmithPropagation(this HttpRequestMessage request)
    {
        ArgumentNullException.ThrowIfNull(request);
        OutboundMessage.SetSuppressed(request);
        return request;
    }
}
