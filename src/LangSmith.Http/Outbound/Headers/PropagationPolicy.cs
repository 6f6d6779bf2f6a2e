using System.Collections.Frozen;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client's <see cref="LangSmithPropagationOptions"/>, compiled once.</summary>
internal sealed class PropagationPolicy
{
    private readonly PropagationTarget[] _targets;

    private PropagationPolicy(PropagationTarget[] targets, HeaderFormat format)
    {
        _targets = targets;
        HasTargets = targets.Length > 0;
        Format = format;
    }

    internal static PropagationPolicy Default { get; } = new([], HeaderFormat.Default);

    internal HeaderFormat Format { get; }

    internal bool HasTargets { get; }

    /// <summary>Creates a client's policy. Clients with default options share one.</summary>
    internal static PropagationPolicy Create(
        IReadOnlyCollection<PropagationTarget> targets, int maxBaggageBytes, FrozenSet<string>? metadataKeys)
    {
        var format = maxBaggageBytes == HeaderFormat.DefaultMaxBaggageBytes && metadataKeys is null
            ? HeaderFormat.Default
            : new HeaderFormat(maxBaggageBytes, metadataKeys);
        return targets.Count == 0 && ReferenceEquals(format, HeaderFormat.Default) ? Default : new PropagationPolicy([.. targets], format);
    }

    /// <summary>True if an origin may get the headers of a first request: without targets each may.</summary>
    internal bool Allows(Uri origin) => !HasTargets || Names(origin);

    /// <summary>True if <c>Targets</c> name an origin.</summary>
    internal bool Names(Uri origin)
    {
        foreach (var target in _targets)
        {
            if (target.Matches(origin))
                return true;
        }

        return false;
    }

    /// <summary>The targets as the application wrote them.</summary>
    public override string ToString() => string.Join(", ", _targets.Select(static target => target.Text));
}
