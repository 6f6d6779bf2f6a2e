using System.Buffers.Binary;
using System.Security.Cryptography;

namespace LangSmith.Http;

/// <summary>
/// Start times and ids. Times are UTC in whole microseconds, as the dotted order has them, and no two runs of one
/// tracer share one, so that siblings sort in the order they were started.
/// </summary>
internal sealed class RunClock(TimeProvider timeProvider)
{
    // A clock set back further than this is believed; one that stands still or jitters only breaks ties.
    private const long MaxTieBreak = TimeSpan.TicksPerSecond;

    // One call for random bytes costs as much as a dozen ids; they are fetched by the page.
    private const int RandomBytes = 1024;
    private const int RandomBytesPerId = 10;

    [ThreadStatic]
    private static byte[]? s_random;

    [ThreadStatic]
    private static int s_randomLeft;

    private long _last;
    private long _lastClamped;

    internal DateTime Now() => Truncate(timeProvider.GetUtcNow().UtcDateTime);

    /// <summary>A start time no earlier than <paramref name="earliest"/>, unlike any handed out before.</summary>
    internal DateTime NextStart(DateTime earliest)
    {
        var start = BreakTie(ref _last, Now().Ticks);
        // A parent whose clock is ahead moves its children, and no other run.
        return new DateTime(start >= earliest.Ticks ? start : BreakTie(ref _lastClamped, earliest.Ticks), DateTimeKind.Utc);
    }

    /// <summary>
    /// A UUIDv7 whose time is the run's start time. <c>Guid.CreateVersion7</c> is absent on .NET 8 and asks the
    /// operating system for random bytes each time.
    /// </summary>
    internal static Guid NewId(DateTime start)
    {
        Span<byte> id = stackalloc byte[16];
        var milliseconds = (start.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMillisecond;
        BinaryPrimitives.WriteInt64BigEndian(id, milliseconds << 16);
        if (s_randomLeft < RandomBytesPerId)
        {
            RandomNumberGenerator.Fill(s_random ??= new byte[RandomBytes]);
            s_randomLeft = RandomBytes;
        }

        s_randomLeft -= RandomBytesPerId;
        s_random.AsSpan(s_randomLeft, RandomBytesPerId).CopyTo(id[6..]);
        id[6] = (byte)(0x70 | (id[6] & 0x0f));
        id[8] = (byte)(0x80 | (id[8] & 0x3f));
        return new Guid(id, bigEndian: true);
    }

    private static long BreakTie(ref long lastTicks, long ticks)
    {
        while (true)
        {
            var last = Volatile.Read(ref lastTicks);
            var next = ticks <= last && last - ticks < MaxTieBreak ? last + TimeSpan.TicksPerMicrosecond : ticks;
            if (Interlocked.CompareExchange(ref lastTicks, next, last) == last)
                return next;
        }
    }

    private static DateTime Truncate(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
}
