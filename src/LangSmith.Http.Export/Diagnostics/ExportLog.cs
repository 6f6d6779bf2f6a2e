using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>
/// Every log line of the package. Lines hold reasons and counts, never a key. A refusal quotes the server's answer, which
/// may quote the run. Event ids are 40 and up.
/// </summary>
internal static partial class ExportLog
{
    internal const string Category = "LangSmith.Http.Export";

    [LoggerMessage(40, LogLevel.Information, "Runs go to {Endpoint}.", EventName = "Exporting")]
    internal static partial void Exporting(ILogger logger, Uri endpoint);

    [LoggerMessage(41, LogLevel.Debug, "A batch of runs is sent again in {Delay}: {Cause}.", EventName = "Retry")]
    internal static partial void Retry(ILogger logger, string cause, TimeSpan delay);

    [LoggerMessage(42, LogLevel.Warning, "Runs did not reach LangSmith ({Reason}; starts and ends of runs: {Count}). {Remedy}",
        EventName = "Dropped")]
    internal static partial void Dropped(ILogger logger, string reason, long count, string remedy);

    [LoggerMessage(43, LogLevel.Debug, "GET /info failed ({Cause}); the defaults are used.", EventName = "InfoFailed")]
    internal static partial void InfoFailed(ILogger logger, string cause);

    [LoggerMessage(44, LogLevel.Error, "Sending runs failed; the batch is dropped, the next one is sent. Please report it.",
        EventName = "ExportFailed")]
    internal static partial void ExportFailed(ILogger logger, Exception exception);

    [LoggerMessage(45, LogLevel.Warning, "No LangSmith API key is set; runs are posted without one. Set LANGSMITH_API_KEY, LangSmith:ApiKey "
        + "or LangSmithExportOptions.ApiKey.", EventName = "NoKey")]
    internal static partial void NoKey(ILogger logger);

    [LoggerMessage(46, LogLevel.Warning, "LangSmith is unreachable or busy ({Cause}). Runs wait in the queue and are sent again.",
        EventName = "Unreachable")]
    internal static partial void Unreachable(ILogger logger, string cause);

    [LoggerMessage(47, LogLevel.Information, "LangSmith is reachable again.", EventName = "Reachable")]
    internal static partial void Reachable(ILogger logger);

    [LoggerMessage(48, LogLevel.Warning, "The primary handler of client '{Name}' was in use before, and follows redirects: they would take "
        + "the API key along. Set AllowAutoRedirect = false on it.", EventName = "FollowsRedirects")]
    internal static partial void FollowsRedirects(ILogger logger, string name);
}
