namespace LangSmith.Http.Diagnostics;

/// <summary>Limits how often one thing is logged: once for ever, or once in an interval. Thread-safe.</summary>
internal sealed class LogThrottle
{
    private readonly object _gate = new();
    private readonly TimeSpan _interval;
    private readonly TimeProvider _timeProvider;
    private long? _passedAt;

    /// <summary>Lets the first caller pass, and no other.</summary>
    internal LogThrottle()
        : this(Timeout.InfiniteTimeSpan, TimeProvider.System)
    {
    }

    /// <summary>Lets one caller pass in each interval.</summary>
    internal LogThrottle(TimeSpan interval, TimeProvider timeProvider)
    {
        _interval = interval;
        _timeProvider = timeProvider;
    }

    /// <summary>How often the things are logged that may go on for hours.</summary>
    internal static TimeSpan Minute { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Returns true if the caller may log now.</summary>
    internal bool TryPass() => TryPass(out _);

    /// <summary>Returns true if the caller may log now; else how long it has to wait.</summary>
    internal bool TryPass(out TimeSpan wait)
    {
        lock (_gate)
        {
            wait = _interval;
            if (_passedAt is { } at)
            {
                if (_interval == Timeout.InfiniteTimeSpan)
                    return false;
                wait = _interval - _timeProvider.GetElapsedTime(at);
                if (wait > TimeSpan.Zero)
                    return false;
            }

            _passedAt = _timeProvider.GetTimestamp();
            return true;
        }
    }
}
