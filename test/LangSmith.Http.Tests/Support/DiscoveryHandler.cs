namespace LangSmith.Http.Tests;

/// <summary>Sends the message to another origin and restores its URI afterwards, as service discovery does.</summary>
internal sealed class DiscoveryHandler(Func<Uri> next) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var logical = request.RequestUri!;
        request.RequestUri = new Uri(next(), logical.PathAndQuery);
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        finally
        {
            request.RequestUri = logical;
        }
    }
}
