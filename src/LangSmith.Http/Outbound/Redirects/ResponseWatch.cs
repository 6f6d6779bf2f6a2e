using LangSmith.Http.Outbound.Headers;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Looks at responses: a 3xx marks the message with its <c>Location</c>, because a handler in the chain may follow it.
/// </summary>
internal static class ResponseWatch
{
    internal static HttpResponseMessage Watch(HttpRequestMessage request, HttpResponseMessage response, ClientPropagation client)
    {
        // A primary handler of a user's class may return null.
        if (response is not null && (int)response.StatusCode is >= 300 and < 400)
            ReadRedirect(request, response, client);
        return response!;
    }

    private static void ReadRedirect(HttpRequestMessage request, HttpResponseMessage response, ClientPropagation client)
    {
        try
        {
            RequestTracking.ReadRedirect(request, response, client.Policy);
        }
        catch (Exception exception)
        {
            // A fault here must not fail a request.
            client.Report(exception);
        }
    }

    /// <summary>Returns the same task if it is complete, or if the message carries no LangSmith header.</summary>
    internal static Task<HttpResponseMessage> WatchAsync(
        HttpRequestMessage request, Task<HttpResponseMessage> sending, ClientPropagation client)
    {
        if (!sending.IsCompleted)
            return IsConcerned(request, client) ? WatchPendingAsync(request, sending, client) : sending;
        if (sending.IsCompletedSuccessfully)
            Watch(request, sending.Result, client);
        return sending;
    }

    private static async Task<HttpResponseMessage> WatchPendingAsync(
        HttpRequestMessage request, Task<HttpResponseMessage> sending, ClientPropagation client) =>
        Watch(request, await sending.ConfigureAwait(false), client);

    private static bool IsConcerned(HttpRequestMessage request, ClientPropagation client)
    {
        try
        {
            return request is not null && RequestTracking.MayConcern(request);
        }
        catch (Exception exception)
        {
            client.Report(exception);
            return false;
        }
    }
}
