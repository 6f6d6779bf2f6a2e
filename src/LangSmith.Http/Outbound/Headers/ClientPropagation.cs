using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client: its name, its policy, which a reload of its options replaces, and its log.</summary>
internal sealed class ClientPropagation(string name, PropagationPolicy policy, ILogger logger)
{
    private readonly LogThrottle _faults = new();
    private readonly LogThrottle _unseenRedirects = new();
    private readonly LogThrottle _noTargets = new();
    private readonly LogThrottle _refusals = new();
    private volatile PropagationPolicy _policy = policy;

    /// <summary>A client made without a container: it has no name and no log.</summary>
    internal ClientPropagation(PropagationPolicy policy)
        : this("", policy, NullLogger.Instance)
    {
    }

    internal string Name { get; } = name;

    internal ILogger Logger { get; } = QuietLogger.Wrap(logger);

    /// <summary>
    /// Whether requests are logged. The application's logger may throw, which the handler catches. It is asked for each request, so
    /// a client without one has a check of its own.
    /// </summary>
    internal bool IsDebugEnabled => logger is not NullLogger && logger.IsEnabled(LogLevel.Debug);

    internal PropagationPolicy Policy
    {
        get => _policy;
        set => _policy = value;
    }

    /// <summary>Counts a fault of this library, and logs the client's first. The request goes on.</summary>
    internal void Report(Exception exception)
    {
        OutboundTelemetry.Requests.Add(OutboundReason.Failed);
        if (_faults.TryPass())
            Log.OutboundFailed(Logger, exception);
    }

    /// <summary>Logs what was decided about a request.</summary>
    internal void LogDecision(HttpRequestMessage request, OutboundReason reason)
    {
        var uri = request.RequestUri is { IsAbsoluteUri: true } absolute ? absolute : null;
        var name = ReasonCounter<OutboundReason>.Name(reason);
        Log.Outbound(Logger, request.Method.Method, uri?.Scheme, uri?.IdnHost, uri?.Port ?? 0, name);
    }

    /// <summary>Logs once that the client's redirects cannot be seen.</summary>
    internal void LogUnseenRedirects(string cause)
    {
        if (_unseenRedirects.TryPass())
            Log.RedirectsUnseen(Logger, Name, cause);
    }

    /// <summary>Logs once that the headers of a client without targets go to every host it calls.</summary>
    internal void LogNoTargets()
    {
        if (!_noTargets.IsSpent && _noTargets.TryPass())
            Log.NoTargets(Logger, Name);
    }

    /// <summary>Logs the first origin that is none of the client's targets.</summary>
    internal void LogRefusedTarget(Uri origin)
    {
        if (!_refusals.IsSpent && _refusals.TryPass())
            Log.TargetNotAllowed(Logger, PropagationTarget.GetOrigin(origin), Name, Policy.ToString());
    }
}
