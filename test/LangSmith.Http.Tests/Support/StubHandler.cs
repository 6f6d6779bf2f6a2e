using System.Net;

namespace LangSmith.Http.Tests;

/// <summary>A primary handler for synchronous sends too, which MockHttp has not. It keeps the headers of what it was sent.</summary>
internal sealed class StubHandler(Func<HttpRequestMessage, HttpStatusCode>? respond = null) : HttpMessageHandler
{
    public List<Dictionary<string, string[]>> Sent { get; } = [];

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Sent.Add(request.Headers.NonValidated.ToDictionary(static header => header.Key, static header => header.Value.ToArray()));
        return new HttpResponseMessage(respond?.Invoke(request) ?? HttpStatusCode.OK) { RequestMessage = request };
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        Task.FromResult(Send(request, cancellationToken));
}
