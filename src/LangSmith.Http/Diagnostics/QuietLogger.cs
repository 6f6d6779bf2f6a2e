using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Diagnostics;

/// <summary>
/// Wraps the application's logger and drops its exceptions. All packages log through it: a log line is not worth a request
/// or a batch.
/// </summary>
internal sealed class QuietLogger : ILogger
{
    private readonly ILogger _inner;

    private QuietLogger(ILogger inner) => _inner = inner;

    /// <summary>Wraps a logger; null stands for none.</summary>
    internal static ILogger Wrap(ILogger? logger) => logger switch
    {
        null or NullLogger => NullLogger.Instance,
        QuietLogger => logger,
        _ => new QuietLogger(logger),
    };

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) =>
        NeverThrow.Run((_inner, logLevel), static state => state._inner.IsEnabled(state.logLevel), fallback: false, out _);

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        NeverThrow.Run(
            (_inner, logLevel, eventId, state, exception, formatter),
            static line => line._inner.Log(line.logLevel, line.eventId, line.state, line.exception, line.formatter));
}
