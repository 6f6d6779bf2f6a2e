namespace LangSmith.Http.Export.Transport;

/// <summary>
/// The time that retries wait by. Once the application ends there is none to lose: waits end at once, later ones are short, and a circuit
/// that was broken is tried again.
/// </summary>
internal sealed class HurriedTime(TimeProvider time, TimeSpan breakDuration) : TimeProvider
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMilliseconds(500);

    private readonly object _gate = new();
    private readonly HashSet<Wait> _waits = [];
    private bool _isHurried;

    public override long TimestampFrequency => time.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    private TimeSpan Ahead => Volatile.Read(ref _isHurried) ? breakDuration : TimeSpan.Zero;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow() + Ahead;

    public override long GetTimestamp() => time.GetTimestamp() + (long)(Ahead.TotalSeconds * TimestampFrequency);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var wait = new Wait(this, time.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period));
        lock (_gate)
            _waits.Add(wait);
        wait.Change(dueTime, period);
        return wait;
    }

    internal void Hurry()
    {
        Wait[] waits;
        lock (_gate)
        {
            Volatile.Write(ref _isHurried, true);
            waits = [.. _waits];
        }

        foreach (var wait in waits)
            wait.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    private sealed class Wait(HurriedTime owner, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) =>
            timer.Change(Volatile.Read(ref owner._isHurried) && dueTime > LongestWait ? LongestWait : dueTime, period);

        public void Dispose()
        {
            Forget();
            timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Forget();
            return timer.DisposeAsync();
        }

        private void Forget()
        {
            lock (owner._gate)
                owner._waits.Remove(this);
        }
    }
}
