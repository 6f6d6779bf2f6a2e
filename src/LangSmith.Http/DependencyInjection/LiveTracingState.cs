using System.Collections.Concurrent;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Runs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// Keeps a container's <see cref="TracingState"/> up to date with its options. Logs each configuration warning once.
/// </summary>
internal sealed class LiveTracingState : IDisposable
{
    private readonly ConcurrentDictionary<string, LogThrottle> _warnings = new(StringComparer.Ordinal);
    private readonly IDisposable? _changes;

    public LiveTracingState(IOptionsMonitor<LangSmithOptions> options, LangSmithOptionsValidator validator, ILoggerFactory loggers)
    {
        var logger = QuietLogger.Wrap(loggers.CreateLogger(Log.Category));
        State = new TracingState(validator.LastGood(options, Options.DefaultName));
        LogWarnings(logger);
        _changes = options.OnChange(_ =>
        {
            var inForce = validator.LastGood(options, Options.DefaultName);
            // The kill switch counts even if other new options are invalid.
            State.Apply(inForce, inForce.Enabled && options.Get(Options.DefaultName).Enabled);
            LogWarnings(logger);
        });
    }

    internal TracingState State { get; }

    public void Dispose() => _changes?.Dispose();

    private void LogWarnings(ILogger logger)
    {
        foreach (var warning in State.Warnings)
        {
            if (_warnings.GetOrAdd(warning, static _ => new LogThrottle()).TryPass())
                Log.ConfigurationWarning(logger, warning);
        }
    }
}
