using System.Buffers.Binary;
using System.Security.Cryptography;

namespace LangSmith.Http.Runs;

/// <summary>
/// Start times of local roots, and ids. Times are UTC in whole microseconds, as the dotted order has them, and no two share
/// one, so that they sort in the order they were started. Runs below a local root ask its <see cref="LocalTree"/>.
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

    /// <summary>Ticks since some moment. Nobody can set this clock.</summary>
    internal long Elapsed
    {
        get
        {
            // GetElapsedTime computes with doubles, which lose microseconds after some weeks.
            var (seconds, rest) = Math.DivRem(timeProvider.GetTimestamp(), timeProvider.TimestampFrequency);
            return (seconds * TimeSpan.TicksPerSecond) + (rest * TimeSpan.TicksPerSecond / timeProvider.TimestampFrequency);
        }
    }

    /// <summary>A start time no local root of this tracer has yet, and none before its remote parent's.</summary>
    internal DateTime NextStart(RunContext? parent)
    {
        while (true)
        {
            var now = Truncate(timeProvider.GetUtcNow().UtcTicks).Ticks;
            var last = Volatile.Read(ref _last);
            var next = now <= last && last - now < MaxTieBreak ? last + TimeSpan.TicksPerMicrosecond : now;
            // A parent whose clock is ahead moves its own children, and no other run.
            if (parent is not null && next < parent.ChildFloor.Ticks)
                return parent.NextEarliestChildStart();
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
                return new DateTime(next, DateTimeKind.Utc);
        }
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

    internal static DateTime Truncate(long ticks) => new(ticks - (ticks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
}
