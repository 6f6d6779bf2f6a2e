using System.Net;

namespace LangSmith.Http.Tests;

/// <summary>Sends the same message again, up to three times, while the answer is 503: what resilience libraries do.</summary>
internal sealed class RetryHandler : DelegatingHandler
{
    private const int MaxAttempts = 3;

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var response = base.Send(request, cancellationToken);
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || attempt == MaxAttempts)
                return response;
            response.Dispose();
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || attempt == MaxAttempts)
                return response;
            response.Dispose();
        }
    }
}
