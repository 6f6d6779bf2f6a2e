using LangSmith.Http.Export.Model;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Diagnostics;

/// <summary>Counts what was dropped, and says so at most once a minute for each reason, with what can be done.</summary>
internal sealed class DropLog(ILogger logger, TimeProvider timeProvider) : IDisposable
{
    internal static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly object _gate = new();
    private readonly Dictionary<SendResult, (long Count, long? LoggedAt)> _reasons = [];
    private (SendResult Reason, long At)? _last;
    private long _total;
    private ITimer? _timer;
    private bool _isTimed;

    internal long Total => Interlocked.Read(ref _total);

    /// <summary>Why something was dropped within the last minute, and what to do; null when nothing was.</summary>
    internal string? Recent
    {
        get
        {
            lock (_gate)
                return _last is { } last && timeProvider.GetElapsedTime(last.At) < Pause ? $"{ExportTelemetry.Name(last.Reason)}. {Remedy(last.Reason)}" : null;
        }
    }

    internal void Add(IReadOnlyList<RunOperation> dropped, SendResult reason, string? said = null)
    {
        var operations = dropped.Sum(static operation => operation.Weight);
        // What stands in for an end that was dropped was counted then.
        if (operations == 0)
            return;
        ExportTelemetry.CountDropped(reason, operations);
        Interlocked.Add(ref _total, operations);
        long count;
        lock (_gate)
        {
            _last = (reason, timeProvider.GetTimestamp());
            var (unsaid, loggedAt) = _reasons.GetValueOrDefault(reason);
            count = unsaid + operations;
            if (loggedAt is { } at && timeProvider.GetElapsedTime(at) is var since && since < Pause)
            {
                _reasons[reason] = (count, loggedAt);
                SayLater(Pause - since);
                return;
            }

            _reasons[reason] = (0, timeProvider.GetTimestamp());
        }

        Say(reason, count, said);
    }

    /// <summary>Says what was not said yet.</summary>
    public void Dispose()
    {
        SayRest(TimeSpan.Zero);
        _timer?.Dispose();
    }

    private void SayRest(TimeSpan pause)
    {
        var rest = new List<(SendResult Reason, long Count)>();
        lock (_gate)
        {
            _isTimed = false;
            foreach (var (reason, (count, loggedAt)) in _reasons.ToList())
            {
                if (count == 0)
                    continue;
                if (timeProvider.GetElapsedTime(loggedAt!.Value) is var since && since < pause)
                {
                    SayLater(pause - since);
                    continue;
                }

                rest.Add((reason, count));
                _reasons[reason] = (0, timeProvider.GetTimestamp());
            }
        }

        foreach (var (reason, count) in rest)
            Say(reason, count);
    }

    // Should nothing else be dropped, what was is said all the same. One that is due earlier than the one that is waited
    // for is due within the minute after it.
    private void SayLater(TimeSpan wait)
    {
        if (_isTimed)
            return;
        _isTimed = true;
        if (_timer is not null)
        {
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
            return;
        }

        // Whoever's activity and baggage are current here: the timer is not theirs.
        using var suppressed = ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow();
        _timer = timeProvider.CreateTimer(static log => ((DropLog)log!).SayRest(Pause), this, wait, Timeout.InfiniteTimeSpan);
    }

    private static string Remedy(SendResult reason) => reason switch
    {
        SendResult.Unauthorized => "LangSmith does not know the API key (401). Check LANGSMITH_API_KEY, and that LANGSMITH_ENDPOINT is the region the key is from.",
        SendResult.Forbidden => "The API key may not write there (403). Check the region in LANGSMITH_ENDPOINT (the EU has an address of its own), LANGSMITH_WORKSPACE_ID if the key is an organization's, and the key's permissions.",
        SendResult.Refused => "LangSmith refused these runs (400 or 422), alone or with all that were tried: fields it cannot read. Look at their payloads.",
        SendResult.Rejected => "LangSmith answered with an error that is not tried again. Check LANGSMITH_ENDPOINT.",
        SendResult.RetriesExhausted => "LangSmith was not reachable, or busy, for MaxRetryTime.",
        SendResult.TooLarge => "Each of these runs is larger than LangSmith takes in one request. Record less of their inputs and outputs.",
        SendResult.Invalid => "Their dotted order is one LangSmith refuses: a run among those of the caller is earlier than the run above it. Update the caller's SDK, or do not continue its traces.",
        SendResult.Off => "Tracing was switched off (Enabled) before they were sent.",
        SendResult.QueueFull => "The queue was full (MaxQueuedOperations, MaxQueuedBytes): LangSmith is slow or gone, or there are more runs than can be sent.",
        SendResult.Shutdown => "The application ended before they were sent (ShutdownTimeout).",
        _ => "Please report it.",
    };

    private void Say(SendResult reason, long count, string? said = null) =>
        ExportLog.Dropped(logger, count, ExportTelemetry.Name(reason), said is null ? Remedy(reason) : $"{Remedy(reason)} The last {(reason is SendResult.RetriesExhausted or SendResult.Shutdown ? "failure" : "answer")} was: {said}");
}
