using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client: its policy, replaced when its options change, and its log.</summary>
internal sealed class ClientPolicy(string name, OutboundPolicy policy, ILogger logger)
{
    private readonly LogThrottle _faults = new();
    private readonly LogThrottle _warnings = new();
    private volatile OutboundPolicy _current = policy;

    /// <summary>A client made without a container: it has no name and no log.</summary>
    internal ClientPolicy(OutboundPolicy policy)
        : this("", policy, NullLogger.Instance)
    {
    }

    internal string Name { get; } = name;

    internal ILogger Logger { get; } = QuietLogger.Wrap(logger);

    /// <summary>
    /// Whether requests are logged. May throw what the application's logger throws: it is asked for each request, and the
    /// handler catches everything anyway.
    /// </summary>
    internal bool IsDebugEnabled => logger.IsEnabled(LogLevel.Debug);

    internal OutboundPolicy Current
    {
        get => _current;
        set => _current = value;
    }

    /// <summary>Counts a fault of this library, and logs the client's first. The request goes on.</summary>
    internal void Report(Exception exception)
    {
        OutboundTelemetry.Requests.Add(OutboundReason.Failed);
        if (_faults.TryPass())
            Log.OutboundFailed(Logger, exception);
    }

    /// <summary>Logs once that redirects go unseen.</summary>
    internal void WarnOfUnseenRedirects(string cause)
    {
        if (_warnings.TryPass())
            Log.RedirectsUnseen(Logger, Name, cause);
    }
}
