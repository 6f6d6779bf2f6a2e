namespace LangSmith.Http.Diagnostics;

/// <summary>Limits how often one thing is logged: once for ever, or once in an interval. Thread-safe.</summary>
internal sealed class LogThrottle
{
    private readonly object _gate = new();
    private readonly TimeSpan _interval;
    private readonly TimeProvider _timeProvider;
    private long? _passedAt;
    private bool _isSpent;

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

    /// <summary>The interval for conditions that may last for hours.</summary>
    internal static TimeSpan Minute { get; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether no caller will pass any more.</summary>
    internal bool IsSpent => Volatile.Read(ref _isSpent);

    /// <summary>Returns true if the caller may log now.</summary>
    internal bool TryPass() => TryPass(out _);

    /// <summary>Returns true if the caller may log now. Otherwise <paramref name="wait"/> is the time until it may.</summary>
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
            _isSpent = _interval == Timeout.InfiniteTimeSpan;
            return true;
        }
    }
}
