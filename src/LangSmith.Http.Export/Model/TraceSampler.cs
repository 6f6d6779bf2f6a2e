using System.IO.Hashing;

namespace LangSmith.Http.Export.Model;

/// <summary>
/// Decides by the trace's id alone, so that all services with the same rate decide alike. As in the TypeScript SDK (0.12),
/// XXH3-128 of the id's text, modulo a million, is compared with the rate.
/// </summary>
internal static class TraceSampler
{
    private const int IdLength = 36;

    internal static bool ShouldRecord(Guid traceId, double rate) =>
        rate >= 1 || (rate > 0 && (double)Bucket(traceId) / 1_000_000 < rate);

    /// <summary>The trace's place among all traces, 0 to 999,999.</summary>
    internal static int Bucket(Guid traceId) => (int)(Hash(traceId) % 1_000_000);

    internal static UInt128 Hash(Guid traceId)
    {
        Span<byte> text = stackalloc byte[IdLength];
        traceId.TryFormat(text, out _, "D");
        return XxHash128.HashToUInt128(text);
    }
}
