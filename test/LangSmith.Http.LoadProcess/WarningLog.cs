using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.LoadProcess;

/// <summary>Counts the lines at Warning and above, by event and reason, and writes them to the standard error.</summary>
internal sealed class WarningLog : ILoggerProvider, ILogger
{
    public ConcurrentDictionary<string, int> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void Dispose()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        var reason = (state as IReadOnlyList<KeyValuePair<string, object?>>)?.FirstOrDefault(static pair => pair.Key == "Reason").Value;
        Lines.AddOrUpdate($"{eventId.Name} {reason}".TrimEnd(), 1, static (_, count) => count + 1);
        Console.Error.WriteLine($"{formatter(state, exception)} {exception}");
    }
}
