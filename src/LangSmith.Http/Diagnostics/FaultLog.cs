using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Diagnostics;

/// <summary>Counts the faults of user code (recorders, redactors, callbacks, payloads) and logs the first of each kind.</summary>
internal sealed class FaultLog(ILogger logger)
{
    private readonly ILogger _logger = QuietLogger.Wrap(logger);
    private readonly LogThrottle[] _throttles = [.. Enum.GetValues<Fault>().Select(static _ => new LogThrottle())];

    /// <summary>Calls user code; an exception is counted, logged once and dropped.</summary>
    internal void Guard<TState>(Fault fault, string callback, TState state, Action<TState> call)
    {
        if (NeverThrow.Run(state, call) is { } exception)
            Report(fault, callback, exception);
    }

    /// <inheritdoc cref="Guard{TState}"/>
    /// <returns>What the user code returned; <paramref name="fallback"/> if it threw.</returns>
    internal TResult Guard<TState, TResult>(Fault fault, string callback, TState state, Func<TState, TResult> call, TResult fallback)
    {
        var result = NeverThrow.Run(state, call, fallback, out var exception);
        if (exception is not null)
            Report(fault, callback, exception);
        return result;
    }

    /// <summary>Counts a payload that was cut.</summary>
    internal void ReportCut(string type, int maxBytes)
    {
        Telemetry.Count(Fault.PayloadCut);
        if (_throttles[(int)Fault.PayloadCut].TryPass())
            Log.PayloadCut(_logger, type, maxBytes);
    }

    internal void Report(Fault fault, string what, Exception exception)
    {
        Telemetry.Count(fault);
        if (!_throttles[(int)fault].TryPass())
            return;
        if (fault == Fault.NotSerializable)
            Log.NotSerializable(_logger, what, exception);
        else
            Log.CallbackFailed(_logger, what, Telemetry.Name(fault), exception);
    }
}
