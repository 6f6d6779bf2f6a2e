using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>
/// Counts dropped operations. Logs each reason with its remedy, at most once a minute; what is counted meanwhile is logged
/// when the minute is over.
/// </summary>
internal sealed class DropLog(ILogger logger, TimeProvider timeProvider) : IDisposable
{
    private static readonly DropReason[] Reasons = Enum.GetValues<DropReason>();

    private readonly object _gate = new();

    // Both by reason.
    private readonly LogThrottle[] _throttles = [.. Reasons.Select(_ => new LogThrottle(LogThrottle.Minute, timeProvider))];
    private readonly long[] _unlogged = new long[Reasons.Length];
    private (DropReason Reason, long At, string? Answer)? _last;
    private long _total;
    private ITimer? _timer;
    private bool _isTimerSet;

    internal long Total => Interlocked.Read(ref _total);

    /// <summary>The last reason and its remedy; null if no operation was dropped within the last minute.</summary>
    internal string? Recent
    {
        get
        {
            lock (_gate)
            {
                return _last is { } last && timeProvider.GetElapsedTime(last.At) < LogThrottle.Minute
                    ? $"{ExportTelemetry.Name(last.Reason)}. {GetRemedy(last.Reason, last.Answer)}"
                    : null;
            }
        }
    }

    /// <summary>Counts dropped operations; <paramref name="answer"/> is the server's last answer or the last failure.</summary>
    internal void Add(long operations, DropReason reason, string? answer = null)
    {
        // An end made in place of a dropped one weighs nothing: the dropped one is counted.
        if (operations == 0)
            return;
        ExportTelemetry.CountDropped(reason, operations);
        Interlocked.Add(ref _total, operations);
        long due;
        lock (_gate)
        {
            _last = (reason, timeProvider.GetTimestamp(), answer);
            _unlogged[(int)reason] += operations;
            due = TakeDue(reason);
        }

        Log(reason, due, answer);
    }

    /// <summary>Logs what is not logged yet.</summary>
    public void Dispose()
    {
        LogRest(isLast: true);
        _timer?.Dispose();
    }

    private void LogRest(bool isLast)
    {
        lock (_gate)
            _isTimerSet = false;
        foreach (var reason in Reasons)
        {
            long due;
            lock (_gate)
                due = _unlogged[(int)reason] == 0 ? 0 : isLast ? Take(reason) : TakeDue(reason);
            Log(reason, due);
        }
    }

    // Returns what is to be logged now; 0 if it has to wait.
    private long TakeDue(DropReason reason)
    {
        // The last ones are lost at once, by whoever has them: Dispose logs them together.
        if (reason == DropReason.Shutdown)
            return 0;
        if (_throttles[(int)reason].TryPass(out var wait))
            return Take(reason);
        SetTimer(wait);
        return 0;
    }

    private long Take(DropReason reason)
    {
        var count = _unlogged[(int)reason];
        _unlogged[(int)reason] = 0;
        return count;
    }

    // One timer serves all reasons: one that is due before it fires waits for it, less than a minute.
    private void SetTimer(TimeSpan wait)
    {
        if (_isTimerSet)
            return;
        _isTimerSet = true;
        if (_timer is not null)
        {
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
            return;
        }

        // A timer captures the caller's activity and baggage.
        using var suppressed = ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow();
        _timer = timeProvider.CreateTimer(static log => ((DropLog)log!).LogRest(isLast: false), this, wait, Timeout.InfiniteTimeSpan);
    }

    private void Log(DropReason reason, long count, string? answer = null)
    {
        if (count == 0)
            return;
        ExportLog.Dropped(logger, ExportTelemetry.Name(reason), count, GetRemedy(reason, answer));
    }

    private static string GetRemedy(DropReason reason, string? answer) => answer is null
        ? GetRemedy(reason)
        : $"{GetRemedy(reason)} The last {(reason is DropReason.RetriesExhausted or DropReason.Shutdown ? "failure" : "answer")} was: {answer}";

    private static string GetRemedy(DropReason reason) => reason switch
    {
        DropReason.Unauthorized => "LangSmith does not know the API key (401). Check LANGSMITH_API_KEY, and that LANGSMITH_ENDPOINT is the "
            + "region the key is from.",
        DropReason.Forbidden => "The API key may not write there (403). Check the region in LANGSMITH_ENDPOINT (the EU has an address of "
            + "its own), LANGSMITH_WORKSPACE_ID if the key is an organization's, and the key's permissions.",
        DropReason.Refused => "LangSmith refused these runs (400 or 422), because it cannot read their fields. Look at their payloads.",
        DropReason.NotLangSmith => "What answered is not LangSmith: its answers are JSON. Check LANGSMITH_ENDPOINT: it is the API's address, not the "
            + "UI's. If a proxy wants a sign-in, give its header in LangSmithExportOptions.Headers.",
        DropReason.Rejected => "LangSmith answered with an error that is not tried again. Check LANGSMITH_ENDPOINT.",
        DropReason.RetriesExhausted => "LangSmith was unreachable or busy for MaxRetryTime.",
        DropReason.TooLarge => "Each of these runs is larger than LangSmith takes in one request. Record less of their inputs and outputs.",
        DropReason.Invalid => "LangSmith refuses their dotted order: one of the caller's runs starts before the run above it. "
            + "Update the caller's SDK, or do not continue its traces.",
        DropReason.Off => "Tracing was switched off (Enabled) before they were sent.",
        DropReason.QueueFull => "The queue was full (MaxQueuedOperations, MaxQueuedBytes): LangSmith is slow or down, or there are "
            + "more runs than can be sent.",
        DropReason.Shutdown => "The application ended before they were sent (ShutdownTimeout).",
        _ => "Please report it.",
    };
}
