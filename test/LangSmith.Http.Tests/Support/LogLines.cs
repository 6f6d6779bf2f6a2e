using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>Keeps every line we log.</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly ConcurrentQueue<(LogLevel Level, EventId Event, string Text, Exception? Exception)> _lines = new();

    public IReadOnlyList<(LogLevel Level, EventId Event, string Text, Exception? Exception)> Ours => [.. _lines];

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName.StartsWith("LangSmith.Http", StringComparison.Ordinal));

    public void Dispose()
    {
    }

    private sealed class Logger(LogLines lines, bool isOurs) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => isOurs;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (isOurs)
                lines._lines.Enqueue((logLevel, eventId, formatter(state, exception), exception));
        }
    }
}
