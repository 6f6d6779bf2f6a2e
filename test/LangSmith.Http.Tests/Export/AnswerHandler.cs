namespace LangSmith.Http.Tests.Export;

/// <summary>A primary handler that answers as it is told, on the thread pool.</summary>
internal sealed class AnswerHandler(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        await Task.Yield();
        return answer(request);
    }
}
