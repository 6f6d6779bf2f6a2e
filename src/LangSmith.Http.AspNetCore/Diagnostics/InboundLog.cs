using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.Diagnostics;

/// <summary>Every log line of the package. Lines say reasons, never a header's value. The core's event ids are below 20.</summary>
internal static partial class InboundLog
{
    internal const string Category = "LangSmith.Http.AspNetCore";

    [LoggerMessage(20, LogLevel.Debug, "LangSmith run of the caller: {Reason}", EventName = "Inbound")]
    internal static partial void Inbound(ILogger logger, string reason);

    [LoggerMessage(21, LogLevel.Warning, "The caller's LangSmith run could not be read; the request went on without it. Further failures are only counted (langsmith.http.inbound, reason=failed).", EventName = "InboundFailed")]
    internal static partial void InboundFailed(ILogger logger, Exception exception);

    [LoggerMessage(22, LogLevel.Error, "UseLangSmithTracing() runs before routing: endpoints cannot choose Continue, Link or Ignore, and SignalR hubs are not ignored. Call it after UseRouting().", EventName = "EndpointSeenTooLate")]
    internal static partial void EndpointSeenTooLate(ILogger logger);

    [LoggerMessage(23, LogLevel.Warning, "The trust rule {Rule} threw: the caller is not trusted. Further failures of the rule are only counted (langsmith.http.faults, kind=callback_failed).", EventName = "TrustRuleFailed")]
    internal static partial void TrustRuleFailed(ILogger logger, string rule, Exception exception);

    [LoggerMessage(24, LogLevel.Warning, "Trust.FromAnyone() is in force outside development: every caller can put the runs of this service into traces and projects of its choice. Name the callers to trust.", EventName = "AnyoneIsTrusted")]
    internal static partial void AnyoneIsTrusted(ILogger logger);

    [LoggerMessage(26, LogLevel.Information, "A caller's LangSmith run was not continued, because no trust rule ({Rules}) accepts the caller. Its headers were stripped. If the caller is yours, add a rule to LangSmithInboundOptions.Trust; behind a proxy, a connection's address is the proxy's. Further requests are only counted (langsmith.http.inbound, reason=untrusted).", EventName = "CallerNotTrusted")]
    internal static partial void CallerNotTrusted(ILogger logger, string rules);

    [LoggerMessage(27, LogLevel.Warning, "AddLangSmithInbound() was called, and UseLangSmithTracing() was not: callers' runs are not continued, and their headers are not stripped. Call app.UseLangSmithTracing().", EventName = "MiddlewareMissing")]
    internal static partial void MiddlewareMissing(ILogger logger);

    [LoggerMessage(25, LogLevel.Warning, "ForwardedHeadersOptions names no proxy and no network, so X-Forwarded-For of every caller is believed (ASPNETCORE_FORWARDEDHEADERS_ENABLED does this). A caller that reaches this service without the proxy can claim any address, and Trust.FromNetworks trusts it. Name the proxies in ForwardedHeadersOptions.", EventName = "ForwardedAddressesBelieved")]
    internal static partial void ForwardedAddressesBelieved(ILogger logger);
}
