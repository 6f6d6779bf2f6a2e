namespace LangSmith.Http.Tests;

/// <summary>How a handler in the chain follows a redirect.</summary>
public enum Follow
{
    SameMessage,
    CopyWithOptions,
    CopyWithoutOptions,

    // As an application does that follows it by hand.
    NewMessage,
}

/// <summary>Follows redirects in the chain, as the handlers of Kiota and Microsoft Graph do.</summary>
internal sealed class RedirectingHandler(Follow follow) : DelegatingHandler
{
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = base.Send(request, cancellationToken);
        while (GetNext(ref request, response))
            response = base.Send(request, cancellationToken);
        return response;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        while (GetNext(ref request, response))
            response = await base.SendAsync(request, cancellationToken);
        return response;
    }

    private bool GetNext(ref HttpRequestMessage request, HttpResponseMessage response)
    {
        if ((int)response.StatusCode is < 300 or >= 400)
            return false;
        var uri = new Uri(request.RequestUri!, response.Headers.NonValidated["Location"].ToString());
        if (follow is Follow.SameMessage)
            request.RequestUri = uri;
        else if (follow is Follow.NewMessage)
            request = new HttpRequestMessage(request.Method, uri);
        else
            request = CopyingHandler.Copy(request, uri, follow is Follow.CopyWithOptions);
        return true;
    }
}
