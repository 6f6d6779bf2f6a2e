using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Diagnostics;

/// <summary>Every log line of the library. Lines say reasons and lengths, never a header's value or a payload.</summary>
internal static partial class Log
{
    internal const string Category = "LangSmith.Http";

    [LoggerMessage(1, LogLevel.Debug, "LangSmith headers for {Method} {Scheme}://{Host}:{Port}: {Reason}", EventName = "Outbound")]
    internal static partial void Outbound(ILogger logger, string method, string? scheme, string? host, int port, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The LangSmith headers could not be written to a request, which was sent without them. Further failures are only counted (langsmith.http.outbound, reason=failed).", EventName = "OutboundFailed")]
    internal static partial void OutboundFailed(ILogger logger, Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "The redirects of HttpClient '{Client}' cannot be seen ({Cause}). Without Targets its headers would follow a redirect to any origin; with Targets nothing is sent. Set AllowAutoRedirect = false, or use a SocketsHttpHandler with its default ActivityHeadersPropagator.", EventName = "RedirectsUnseen")]
    internal static partial void RedirectsUnseen(ILogger logger, string client, string cause);

    [LoggerMessage(4, LogLevel.Warning, "LangSmithPropagationHandler is on every HttpClient (ConfigureHttpClientDefaults) without Targets: run metadata goes to every host any client calls. Name the hosts in LangSmithPropagationOptions.Targets, or take a client out with RemoveLangSmithPropagation().", EventName = "DefaultsWithoutTargets")]
    internal static partial void DefaultsWithoutTargets(ILogger logger);

    [LoggerMessage(5, LogLevel.Warning, "A configuration reload is invalid and was ignored; the options before it stay in force. {Errors}", EventName = "BadReload")]
    internal static partial void BadReload(ILogger logger, string errors);

    [LoggerMessage(6, LogLevel.Warning, "LangSmith tracing is on, but no IRunRecorder is registered: no runs are created, and the headers of callers are passed through. Call services.AddLangSmithExport() of the package LangSmith.Http.Export, or register an IRunRecorder.", EventName = "NoRecorder")]
    internal static partial void NoRecorder(ILogger logger);

    [LoggerMessage(9, LogLevel.Information, "Runs are not recorded: LangSmith tracing is off. Set LANGSMITH_TRACING=true, LangSmith:Tracing or LangSmithOptions.Tracing.", EventName = "NotTracing")]
    internal static partial void NotTracing(ILogger logger);

    [LoggerMessage(11, LogLevel.Information, "HttpClient '{Client}' sends LangSmith headers (run ids, project, metadata) to every host it calls. Use Targets on clients that leave your network.", EventName = "NoTargets")]
    internal static partial void NoTargets(ILogger logger, string client);

    [LoggerMessage(12, LogLevel.Information, "A request to {Origin} was sent without LangSmith headers, because the Targets of HttpClient '{Client}' ({Targets}) do not name it. The handler compares the address after the handlers above it. If Targets name services, add the LangSmith handler before service discovery. Further requests are only counted (langsmith.http.outbound, reason=target_not_allowed).", EventName = "TargetNotAllowed")]
    internal static partial void TargetNotAllowed(ILogger logger, string origin, string client, string targets);

    [LoggerMessage(7, LogLevel.Warning, "{Callback} threw an exception, which was ignored. Further failures are only counted (langsmith.http.faults, kind={Kind}).", EventName = "CallbackFailed")]
    internal static partial void CallbackFailed(ILogger logger, string callback, string kind, Exception exception);

    [LoggerMessage(8, LogLevel.Warning, "A part of a value of type {Type} could not be written as JSON, and was recorded as text. If reflection is off, as in applications compiled ahead of time, anonymous types cannot be written, and other types need a TypeInfoResolver in LangSmithOptions.JsonSerializerOptions. Further failures are only counted (langsmith.http.faults, kind=not_serializable).", EventName = "NotSerializable")]
    internal static partial void NotSerializable(ILogger logger, string type, Exception exception);

    [LoggerMessage(13, LogLevel.Warning, "A value of type {Type} is larger than LangSmithOptions.MaxPayloadBytes ({MaxBytes}), or has more than 100,000 values, and was cut. Further cuts are only counted (langsmith.http.faults, kind=payload_cut).", EventName = "PayloadCut")]
    internal static partial void PayloadCut(ILogger logger, string type, int maxBytes);

    [LoggerMessage(14, LogLevel.Information, "HttpClient '{Client}' has {Count} LangSmithPropagationHandlers. The outermost is used, and the others were removed. Register it once.", EventName = "HandlerTwice")]
    internal static partial void HandlerTwice(ILogger logger, string client, int count);

    [LoggerMessage(15, LogLevel.Warning, "A run was not recorded, because it is deeper in its tree than a header of {MaxLength} characters can say. Scopes may have been forgotten: dispose what StartRun returns, and start consumers that live long under TracingContext.Suppress(). Further runs are only counted (langsmith.http.runs, result=too_deep).", EventName = "TooDeep")]
    internal static partial void TooDeep(ILogger logger, int maxLength);

    [LoggerMessage(10, LogLevel.Warning, "{Warning}", EventName = "ConfigurationWarning")]
    internal static partial void ConfigurationWarning(ILogger logger, string warning);
}
