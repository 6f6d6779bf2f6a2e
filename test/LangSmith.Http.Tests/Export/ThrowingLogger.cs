using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Export;

/// <summary>A logger that is broken.</summary>
internal sealed class ThrowingLogger : ILogger<LangSmithExporter>
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        throw new InvalidOperationException("No log today.");
}
