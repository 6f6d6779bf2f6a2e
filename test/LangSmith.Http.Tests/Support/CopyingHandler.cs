namespace LangSmith.Http.Tests;

/// <summary>Sends a copy of the message, with its headers and without its options.</summary>
internal sealed class CopyingHandler : DelegatingHandler
{
    internal static HttpRequestMessage Copy(HttpRequestMessage request, Uri? uri = null, bool withOptions = false)
    {
        var copy = new HttpRequestMessage(request.Method, uri ?? request.RequestUri);
        foreach (var (name, values) in request.Headers)
            copy.Headers.TryAddWithoutValidation(name, values);
        if (withOptions)
        {
            foreach (var (name, value) in request.Options)
                ((IDictionary<string, object?>)copy.Options)[name] = value;
        }

        return copy;
    }

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        base.Send(Copy(request), cancellationToken);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        base.SendAsync(Copy(request), cancellationToken);
}
