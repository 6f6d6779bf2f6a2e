using System.Collections.Frozen;

namespace LangSmith.Http.Propagation;

/// <summary>What may go into the <c>baggage</c> line; headers are cached per run and format.</summary>
/// <param name="MaxBaggageBytes">The budget of the merged line, in bytes.</param>
/// <param name="MetadataKeys">The metadata keys that travel; null means all.</param>
internal sealed record HeaderFormat(int MaxBaggageBytes, FrozenSet<string>? MetadataKeys)
{
    internal const int DefaultMaxBaggageBytes = 4096;

    internal static HeaderFormat Default { get; } = new(DefaultMaxBaggageBytes, null);
}
