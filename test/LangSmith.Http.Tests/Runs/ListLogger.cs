using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Keeps the lines that are logged.</summary>
internal sealed class ListLogger : ILogger<LangSmithTracer>
{
    private readonly List<string> _lines = [];

    internal IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
            _lines.Add($"{logLevel} {eventId.Name}: {formatter(state, exception)}");
    }
}
