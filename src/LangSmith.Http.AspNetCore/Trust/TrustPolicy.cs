using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.Trust;

/// <summary>Asks the rules.</summary>
internal sealed class TrustPolicy(IReadOnlyList<TrustRule> rules, ILogger logger)
{
    private readonly int[] _isFailureLogged = new int[rules.Count];

    internal async ValueTask<bool> IsTrustedAsync(HttpContext context)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            try
            {
                if (await rules[i].Matches(context).ConfigureAwait(false))
                    return true;
            }
            catch (Exception exception)
            {
                // The rules are the user's, and what they look at is the caller's: no answer is no trust.
                Telemetry.Count(Fault.CallbackFailed);
                if (Interlocked.Exchange(ref _isFailureLogged[i], 1) == 0)
                    InboundLog.Quietly(logger, (rules[i].Name, exception), static (logger, state) => InboundLog.TrustRuleFailed(logger, state.Name, state.exception));
            }
        }

        return false;
    }
}
