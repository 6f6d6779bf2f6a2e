using System.Text.RegularExpressions;

namespace LangSmith.Http.Propagation;

/// <summary>
/// The destination a run may have instead of a project:
/// <c>lrn:agents/&lt;id&gt;/environments/&lt;environment&gt;</c> (TypeScript SDK 0.12).
/// </summary>
internal static partial class AgentAddress
{
    /// <summary>The address as it is written, its environment in lower case; null when it is unusable.</summary>
    internal static string? Normalize(string value)
    {
        // Longer than any valid address: refuse before the pattern sees it.
        if (value.Length > 128)
            return null;
        var match = Grammar().Match(value);
        return match.Success
            ? $"lrn:agents/{match.Groups["id"].Value}/environments/{match.Groups["env"].Value.ToLowerInvariant()}"
            : null;
    }

    [GeneratedRegex(@"\Alrn:agents/(?<id>[a-z]([a-z0-9-]{0,61}[a-z0-9])?)/environments/(?<env>(?i:local|development|staging|production))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Grammar();
}
