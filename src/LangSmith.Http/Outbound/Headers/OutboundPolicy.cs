using System.Collections.Frozen;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client's <see cref="LangSmithPropagationOptions"/>, compiled once.</summary>
internal sealed class OutboundPolicy
{
    private readonly OutboundTarget[] _targets;

    private OutboundPolicy(OutboundTarget[] targets, HeaderFormat format)
    {
        _targets = targets;
        Format = format;
    }

    internal static OutboundPolicy Default { get; } = new([], HeaderFormat.Default);

    internal HeaderFormat Format { get; }

    internal bool HasTargets => _targets.Length > 0;

    /// <summary>Creates a client's policy. Clients with default options share one.</summary>
    internal static OutboundPolicy Create(IReadOnlyCollection<OutboundTarget> targets, int maxBaggageBytes, FrozenSet<string>? metadataKeys)
    {
        var format = maxBaggageBytes == HeaderFormat.DefaultMaxBaggageBytes && metadataKeys is null
            ? HeaderFormat.Default
            : new HeaderFormat(maxBaggageBytes, metadataKeys);
        return targets.Count == 0 && ReferenceEquals(format, HeaderFormat.Default) ? Default : new OutboundPolicy([.. targets], format);
    }

    /// <summary>Whether the options allow an origin. Without targets every first origin is allowed.</summary>
    internal bool Allows(Uri origin)
    {
        if (_targets.Length == 0)
            return true;
        foreach (var target in _targets)
        {
            if (target.Matches(origin))
                return true;
        }

        return false;
    }
}
