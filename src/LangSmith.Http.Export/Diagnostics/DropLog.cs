using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

/// <summary>Counts what was dropped, and says so at most once a minute for each reason, with what can be done.</summary>
internal sealed class DropLog(ILogger logger, TimeProvider timeProvider)
{
    internal static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly object _gate = new();
    private readonly Dictionary<SendResult, (long Count, long? LoggedAt)> _reasons = [];
    private (SendResult Reason, long At)? _last;
    private long _total;

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

    internal void Add(SendResult reason, int operations, string? said = null)
    {
        Interlocked.Add(ref _total, operations);
        long count;
        lock (_gate)
        {
            _last = (reason, timeProvider.GetTimestamp());
            var (unsaid, loggedAt) = _reasons.GetValueOrDefault(reason);
            count = unsaid + operations;
            if (loggedAt is { } at && timeProvider.GetElapsedTime(at) < Pause)
            {
                _reasons[reason] = (count, loggedAt);
                return;
            }

            _reasons[reason] = (0, timeProvider.GetTimestamp());
        }

        Say(reason, count, said);
    }

    /// <summary>Says what was not said yet.</summary>
    internal void Flush()
    {
        List<(SendResult Reason, long Count)> rest;
        lock (_gate)
        {
            rest = [.. _reasons.Where(static pair => pair.Value.Count > 0).Select(static pair => (pair.Key, pair.Value.Count))];
            _reasons.Clear();
        }

        foreach (var (reason, count) in rest)
            Say(reason, count);
    }

    private static string Remedy(SendResult reason) => reason switch
    {
        SendResult.Unauthorized => "LangSmith does not know the API key (401). Check LANGSMITH_API_KEY, and that LANGSMITH_ENDPOINT is the region the key is from.",
        SendResult.Forbidden => "The API key may not write there (403). Check the region in LANGSMITH_ENDPOINT (the EU has an address of its own), LANGSMITH_WORKSPACE_ID if the key is an organization's, and the key's permissions.",
        SendResult.Refused => "LangSmith refused these runs alone (400, 413 or 422): too large, or fields it cannot read. Look at their payloads.",
        SendResult.Rejected => "LangSmith answered with an error that is not tried again. Check LANGSMITH_ENDPOINT.",
        SendResult.RetriesExhausted => "LangSmith was not reachable, or busy, for MaxRetryTime.",
        SendResult.TooLarge => "Each of these runs alone is larger than LangSmith takes in one request. Record less of their inputs and outputs.",
        SendResult.QueueFull => "The queue was full (MaxQueuedOperations, MaxQueuedBytes): LangSmith is slow or gone, or there are more runs than can be sent.",
        SendResult.Shutdown => "The application ended before they were sent (ShutdownTimeout).",
        _ => "Please report it.",
    };

    private void Say(SendResult reason, long count, string? said = null) =>
        ExportLog.Dropped(logger, count, ExportTelemetry.Name(reason), said is null ? Remedy(reason) : $"{Remedy(reason)} The last answer was: {said}");
}
