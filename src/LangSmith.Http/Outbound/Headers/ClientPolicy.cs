using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client: its policy, replaced when its options change, and its log.</summary>
internal sealed class ClientPolicy(string name, OutboundPolicy policy, ILogger logger)
{
    private readonly ILogger _quiet = QuietLogger.Wrap(logger);
    private readonly LogThrottle _faults = new();
    private readonly LogThrottle _warnings = new();
    private volatile OutboundPolicy _current = policy;

    /// <summary>A client made without a container: it has no name and no log.</summary>
    internal ClientPolicy(OutboundPolicy policy)
        : this("", policy, NullLogger.Instance)
    {
    }

    internal string Name { get; } = name;

    /// <summary>The application's logger, for each request's debug line. The handler catches what it throws.</summary>
    internal ILogger Logger { get; } = logger;

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
            Log.OutboundFailed(_quiet, exception);
    }

    /// <summary>Logs once that redirects go unseen.</summary>
    internal void WarnOfUnseenRedirects(string cause)
    {
        if (_warnings.TryPass())
            Log.RedirectsUnseen(_quiet, Name, cause);
    }
}
