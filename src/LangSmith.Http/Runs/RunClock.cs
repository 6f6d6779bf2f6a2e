using System.Buffers.Binary;
using System.Security.Cryptography;

namespace LangSmith.Http;

/// <summary>
/// Start times and ids. Times are UTC in whole microseconds, as the dotted order has them, and no two siblings share
/// one, so that they sort in the order they were started.
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

    // A parent of another process may be well ahead of this clock. Its children are told apart by themselves: they must
    // not drag other runs into the future, and others must not make them start over at the parent's time.
    private readonly long[] _lastAhead = new long[64];

    private long _last;

    internal DateTime Now() => Truncate(timeProvider.GetUtcNow().UtcDateTime);

    /// <summary>A start time no earlier than <paramref name="earliest"/>, unlike any handed out to a sibling before.</summary>
    internal DateTime NextStart(DateTime earliest)
    {
        while (true)
        {
            var now = Now().Ticks;
            var start = now;
            ref var slot = ref _last;
            if (earliest.Ticks > now)
            {
                ref var ahead = ref _lastAhead[earliest.Ticks / TimeSpan.TicksPerMicrosecond % _lastAhead.Length];
                start = After(Volatile.Read(ref ahead), earliest.Ticks);
                if (earliest.Ticks - now >= MaxTieBreak)
                    slot = ref ahead;
            }

            var last = Volatile.Read(ref slot);
            var next = After(last, start);
            if (Interlocked.CompareExchange(ref slot, next, last) == last)
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

    private static long After(long last, long time) =>
        time <= last && last - time < MaxTieBreak ? last + TimeSpan.TicksPerMicrosecond : time;

    private static DateTime Truncate(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), DateTimeKind.Utc);
}
