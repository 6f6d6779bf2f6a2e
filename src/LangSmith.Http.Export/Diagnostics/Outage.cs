using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>Tracks whether LangSmith is reachable. Logs an outage at most once a minute, and the end of each logged one.</summary>
internal sealed class Outage(ILogger logger, TimeProvider timeProvider)
{
    // A single failure is no outage.
    private const int MinFailures = 3;

    private readonly object _gate = new();
    private readonly LogThrottle _throttle = new(LogThrottle.Minute, timeProvider);
    private int _failures;
    private string? _cause;
    private bool _isLogged;

    /// <summary>Why LangSmith is not reachable; null if it is.</summary>
    internal string? Cause
    {
        get
        {
            lock (_gate)
                return _failures >= MinFailures ? _cause : null;
        }
    }

    /// <summary>Counts an attempt that failed and will be retried.</summary>
    internal void Add(string cause)
    {
        lock (_gate)
        {
            _cause = cause;
            if (++_failures < MinFailures || _isLogged || !_throttle.TryPass())
                return;
            _isLogged = true;
        }

        ExportLog.Unreachable(logger, cause);
    }

    /// <summary>Ends the outage: the server answered.</summary>
    internal void End()
    {
        lock (_gate)
        {
            _failures = 0;
            if (!_isLogged)
                return;
            _isLogged = false;
        }

        ExportLog.Reachable(logger);
    }
}
