using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client: its policy, replaced when its options change, and its log.</summary>
internal sealed class ClientPolicy(string name, OutboundPolicy policy, ILogger logger)
{
    private readonly bool _isSilent = logger is NullLogger;
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

    /// <summary>Whether each request is to be logged. Asked before every request: a client without a log answers at once.</summary>
    internal bool IsDebugEnabled =>
        !_isSilent && NeverThrow.Run(logger, static logger => logger.IsEnabled(LogLevel.Debug), fallback: false, out _);

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
