using LangSmith.Http.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.AspNetCore.Trust;

/// <summary>Sees whether the host replaces connections' addresses by what any caller writes into a header.</summary>
internal static class ForwardedAddresses
{
    internal static void WarnIfBelievedFromAnybody(IServiceProvider services, ILogger logger)
    {
        // ASPNETCORE_FORWARDEDHEADERS_ENABLED sets these, and puts the middleware in front of the application.
        var options = services.GetService<IOptions<ForwardedHeadersOptions>>()?.Value;
        if (options is null || !options.ForwardedHeaders.HasFlag(ForwardedHeaders.XForwardedFor))
            return;
#if NET10_0_OR_GREATER
        var knowsNetworks = options.KnownIPNetworks.Count > 0;
#else
        var knowsNetworks = options.KnownNetworks.Count > 0;
#endif
        if (options.KnownProxies.Count == 0 && !knowsNetworks)
            InboundLog.ForwardedAddressesBelieved(logger);
    }
}
