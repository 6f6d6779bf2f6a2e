using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One client: its policy, replaced when its options change, and where its faults are logged.</summary>
internal sealed class ClientPolicy(string name, OutboundPolicy policy, ILogger logger)
{
    private volatile OutboundPolicy _current = policy;
    private int _isFaultLogged;
    private int _isWarned;

    /// <summary>A client made without a container: it has no name and no log.</summary>
    internal ClientPolicy(OutboundPolicy policy)
        : this("", policy, NullLogger.Instance)
    {
    }

    internal string Name { get; } = name;

    internal ILogger Logger { get; } = logger;

    internal OutboundPolicy Current
    {
        get => _current;
        set => _current = value;
    }

    /// <summary>Counts a fault of ours, and logs the client's first. The request goes on. Never throws.</summary>
    internal void Report(Exception exception)
    {
        Telemetry.Count(OutboundReason.Failed);
        try
        {
            if (Interlocked.Exchange(ref _isFaultLogged, 1) == 0)
                Log.OutboundFailed(Logger, exception);
        }
        catch (Exception)
        {
            // A logger that throws may have been the fault in the first place: nobody is left to be told.
        }
    }

    /// <summary>Says once that redirects go unseen.</summary>
    internal void WarnOfUnseenRedirects(string cause)
    {
        if (Interlocked.Exchange(ref _isWarned, 1) == 0)
            Log.RedirectsUnseen(Logger, Name, cause);
    }
}
