using System.Buffers.Binary;
using System.Text;

namespace LangSmith.Http.Export.Model;

/// <summary>
/// Decides by the trace's id alone, with the function of the TypeScript SDK (0.12), so that every service with the same
/// rate decides alike: XXH3-128 of the id's text, as a number modulo a million, against the rate.
/// </summary>
internal static class TraceSampler
{
    private const int IdLength = 36;
    private const ulong Prime1 = 0x9E3779B185EBCA87;
    private const ulong Prime2 = 0xC2B2AE3D27D4EB4F;
    private const ulong Prime4 = 0x85EBCA77C2B2AE63;

    // The beginning of XXH3's default secret: all that 36 bytes of input need.
    private static ReadOnlySpan<byte> Secret =>
    [
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
        0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
        0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
        0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    ];

    internal static bool ShouldRecord(Guid traceId, double rate) =>
        rate >= 1 || (rate > 0 && (double)Bucket(traceId) / 1_000_000 < rate);

    /// <summary>0 to 999,999.</summary>
    internal static int Bucket(Guid traceId) => (int)(Hash(traceId) % 1_000_000);

    internal static UInt128 Hash(Guid traceId)
    {
        Span<char> text = stackalloc char[IdLength];
        Span<byte> input = stackalloc byte[IdLength];
        traceId.TryFormat(text, out _, "D");
        Encoding.ASCII.GetBytes(text, input);

        // XXH3's way for 17 to 128 bytes, of which 36 take two rounds.
        unchecked
        {
            var low = IdLength * Prime1;
            var high = 0UL;
            Mix(input, 16, IdLength - 32, 32, ref low, ref high);
            Mix(input, 0, IdLength - 16, 0, ref low, ref high);
            var first = Avalanche(low + high);
            var second = 0 - Avalanche((low * Prime1) + (high * Prime4) + (IdLength * Prime2));
            return new UInt128(second, first);
        }
    }

    private static void Mix(ReadOnlySpan<byte> input, int left, int right, int secret, ref ulong low, ref ulong high)
    {
        unchecked
        {
            low = (low + Fold(input[left..], secret)) ^ (Read(input[right..]) + Read(input[(right + 8)..]));
            high = (high + Fold(input[right..], secret + 16)) ^ (Read(input[left..]) + Read(input[(left + 8)..]));
        }
    }

    private static ulong Fold(ReadOnlySpan<byte> input, int secret)
    {
        var high = Math.BigMul(Read(input) ^ Read(Secret[secret..]), Read(input[8..]) ^ Read(Secret[(secret + 8)..]), out var low);
        return low ^ high;
    }

    private static ulong Avalanche(ulong hash)
    {
        hash = unchecked((hash ^ (hash >> 37)) * 0x165667919E3779F9);
        return hash ^ (hash >> 32);
    }

    private static ulong Read(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt64LittleEndian(bytes);
}
