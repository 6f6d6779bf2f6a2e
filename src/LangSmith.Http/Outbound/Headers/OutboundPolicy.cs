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

    /// <summary>Compiles options; null, and what is wrong with them, when they are invalid.</summary>
    internal static OutboundPolicy? TryCreate(LangSmithPropagationOptions options, out List<string> errors)
    {
        errors = [];
        var targets = new List<OutboundTarget>(options.Targets.Count);
        foreach (var text in options.Targets)
        {
            if (OutboundTarget.TryParse(text, out var target, out var error))
                targets.Add(target);
            else
                errors.Add(error);
        }

        if (options.MaxBaggageBytes is < 0 or > BaggageLine.MaxBytes)
            errors.Add($"MaxBaggageBytes is {options.MaxBaggageBytes}. Set it to a number of bytes from 0 to {BaggageLine.MaxBytes}.");
        if (errors.Count > 0)
            return null;

        var keys = options.PropagatedMetadataKeys?.ToFrozenSet(StringComparer.Ordinal);
        var format = options.MaxBaggageBytes == HeaderFormat.DefaultMaxBaggageBytes && keys is null
            ? HeaderFormat.Default
            : new HeaderFormat(options.MaxBaggageBytes, keys);
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
