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
    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private readonly IDisposable? _changes;

    public LiveTracingState(IOptionsMonitor<LangSmithOptions> options, LangSmithOptionsValidator validator, ILoggerFactory loggers)
    {
        var logger = QuietLogger.Wrap(loggers.CreateLogger(Log.Category));
        State = new TracingState(validator.LastGood(options, Options.DefaultName));
        LogWarnings(logger);
        _changes = options.OnChange(_ =>
        {
            State.Apply(validator.LastGood(options, Options.DefaultName));
            LogWarnings(logger);
        });
    }

    internal TracingState State { get; }

    public void Dispose() => _changes?.Dispose();

    private void LogWarnings(ILogger logger)
    {
        foreach (var warning in State.Warnings)
        {
            lock (_logged)
            {
                if (!_logged.Add(warning))
                    continue;
            }

            Log.ConfigurationWarning(logger, warning);
        }
    }
}
