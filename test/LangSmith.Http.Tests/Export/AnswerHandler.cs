using Microsoft.Extensions.Logging;

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

/// <summary>A logger that is broken.</summary>
internal sealed class ThrowingLogger : ILogger<LangSmithExporter>
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        throw new InvalidOperationException("No log today.");
}
