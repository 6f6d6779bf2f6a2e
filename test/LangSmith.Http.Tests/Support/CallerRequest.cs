using LangSmith.Http.Tests.Runs;

namespace LangSmith.Http.Tests;

/// <summary>Requests as a service in front sends them.</summary>
internal static class CallerRequest
{
    /// <summary>Asks for a path with the two headers of a run: <see cref="Recording.RemoteDottedOrder"/> unless said otherwise.</summary>
    public static async Task<HttpResponseMessage> GetAsCallerAsync(
        this HttpClient client,
        string path,
        string? baggage = "langsmith-project=caller",
        string? trace = Recording.RemoteDottedOrder,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead,
        HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (trace is not null)
            request.Headers.TryAddWithoutValidation("langsmith-trace", trace);
        if (baggage is not null)
            request.Headers.TryAddWithoutValidation("baggage", baggage);
        return await client.SendAsync(request, completion);
    }
}
