using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.Trust;

/// <summary>Asks the trust rules about a caller.</summary>
internal sealed class TrustPolicy(IReadOnlyList<TrustRule> rules, ILogger logger)
{
    private readonly LogThrottle _refusals = new();
    private readonly LogThrottle[] _failures = [.. rules.Select(static _ => new LogThrottle())];

    internal async ValueTask<bool> IsTrustedAsync(HttpContext context)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            // A rule is the user's code, and it reads the caller's request: a rule that throws does not match.
            var (isTrusted, failure) = await NeverThrow.RunAsync(context, rule.Matches, fallback: false).ConfigureAwait(false);
            if (isTrusted)
                return true;
            if (failure is null)
                continue;
            Telemetry.Count(Fault.CallbackFailed);
            if (_failures[i].TryPass())
                InboundLog.TrustRuleFailed(logger, rule.Name, failure);
        }

        // Without a rule, it was decided that nobody is trusted.
        if (rules.Count > 0 && _refusals.TryPass())
            InboundLog.CallerNotTrusted(logger, string.Join(", ", rules.Select(static rule => rule.Name)));
        return false;
    }
}
