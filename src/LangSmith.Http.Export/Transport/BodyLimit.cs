namespace LangSmith.Http.Export.Transport;

/// <summary>
/// How large a body may be, and whether bodies are sent one at a time. Learned from what a server or gateway refused for its size, and
/// from what a slow line could not carry within <see cref="LangSmithExportOptions.RequestTimeout"/>. Sizes are those of operations.
/// </summary>
internal sealed class BodyLimit(TimeSpan requestTimeout, TimeProvider timeProvider)
{
    // LangSmith accepts four times as much. Smaller bodies need less memory, and arrive in time on slow connections.
    private const long MaxBytes = 5 << 20;
    private const long MinBytes = 64 << 10;

    // The proxy that refused a larger body may be gone, and the line may be a better one.
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    private readonly object _gate = new();
    private long _bytes = MaxBytes;
    private long? _refused;
    private long? _learnedAt;
    private bool _isOneAtATime;

    internal long Bytes
    {
        get
        {
            lock (_gate)
            {
                if (_learnedAt is { } learnedAt && timeProvider.GetElapsedTime(learnedAt) > Memory)
                    (_learnedAt, _refused, _bytes, _isOneAtATime) = (null, null, MaxBytes, false);
                return _bytes;
            }
        }
    }

    internal bool IsOneAtATime
    {
        get
        {
            lock (_gate)
                return _isOneAtATime;
        }
    }

    /// <summary>Whether a body of this size may be halved.</summary>
    internal static bool IsLarge(long size) => size > MinBytes;

    /// <summary>A server or gateway takes no body of this size.</summary>
    internal void AddRefused(long size)
    {
        lock (_gate)
        {
            _refused = size;
            Learn(size);
        }
    }

    /// <summary>A body of this size was not sent in time.</summary>
    internal void AddTimedOut(long size)
    {
        lock (_gate)
        {
            _isOneAtATime = true;
            Learn(size);
        }
    }

    /// <summary>A body was sent. Where there is time for twice as much, or for several at once, the next ones are.</summary>
    internal void AddSent(long size, TimeSpan elapsed)
    {
        lock (_gate)
        {
            if (size < _bytes / 2)
                return;
            if (_bytes < MaxBytes)
            {
                var twice = Math.Min(MaxBytes, _bytes * 2);
                if (elapsed * 4 < requestTimeout && !(twice >= _refused))
                    _bytes = twice;
            }
            else if (elapsed * 8 < requestTimeout)
            {
                _isOneAtATime = false;
            }
        }
    }

    private void Learn(long size)
    {
        _learnedAt = timeProvider.GetTimestamp();
        _bytes = Math.Min(_bytes, Math.Max(MinBytes, size / 2));
    }
}
