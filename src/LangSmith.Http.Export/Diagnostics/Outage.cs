using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>Knows whether LangSmith can be reached, and says so when that changes, at most once a minute.</summary>
internal sealed class Outage(ILogger logger, TimeProvider timeProvider)
{
    // One that fails now and then is no outage.
    private const int MinFailures = 3;

    private readonly object _gate = new();
    private int _failures;
    private string? _cause;
    private long? _saidAt;
    private bool _isSaid;

    /// <summary>Why LangSmith cannot be reached; null while it can.</summary>
    internal string? Cause
    {
        get
        {
            lock (_gate)
                return _failures >= MinFailures ? _cause : null;
        }
    }

    /// <summary>An attempt failed in a way that may pass.</summary>
    internal void Add(string cause)
    {
        lock (_gate)
        {
            _cause = cause;
            if (++_failures < MinFailures || _isSaid || (_saidAt is { } at && timeProvider.GetElapsedTime(at) < DropLog.Pause))
                return;
            _isSaid = true;
            _saidAt = timeProvider.GetTimestamp();
        }

        ExportLog.Unreachable(logger, cause);
    }

    /// <summary>There was an answer.</summary>
    internal void End()
    {
        lock (_gate)
        {
            _failures = 0;
            if (!_isSaid)
                return;
            _isSaid = false;
        }

        ExportLog.Reachable(logger);
    }
}
