using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

/// <summary>Sends batches, saves what is good of those that are refused, and keeps count of both.</summary>
internal sealed class BatchSender(ExportSettings settings, IngestClient client, DropLog drops, TimeProvider timeProvider, ILogger logger)
{
    // How many parts of a batch may be refused before any of it is taken: enough to find a good one where every second run
    // is bad, and few enough not to besiege a server that refuses everything. The second is for when it just did.
    private const int MaxRefusals = 128;
    private const int MaxRefusalsAgain = 16;

    private readonly object _gate = new();
    private long? _failureSaidAt;
    private long _posted;
    private long _recovered;
    private volatile bool _isAllRefused;

    /// <summary>How many starts and ends of runs were taken.</summary>
    internal long Posted => Interlocked.Read(ref _posted);

    /// <summary>How many starts that were dropped before were brought along by their ends.</summary>
    internal long Recovered => Interlocked.Read(ref _recovered);

    /// <summary>Sends a batch; what is lost of it is dropped, and added to <paramref name="lost"/>.</summary>
    internal async Task<SendResult> SendAsync(IReadOnlyList<RunOperation> operations, ServerInfo info, List<RunOperation> lost, CancellationToken cancellationToken)
    {
        var started = timeProvider.GetTimestamp();
        var parts = new LinkedList<IReadOnlyList<RunOperation>>([operations]);
        var refusals = 0;
        var isAnySent = false;
        (SendResult Result, string? Said) failure = default;
        while (parts.First is { Value: var part })
        {
            parts.RemoveFirst();
            if (!IsGivenUp())
            {
                var answer = await TrySendAsync(part, info, cancellationToken).ConfigureAwait(false);
                if (answer.Result == SendResult.Sent)
                {
                    isAnySent = true;
                    _isAllRefused = false;
                    CountPosted(part);
                    continue;
                }

                failure = answer;
                if (failure.Result is SendResult.Refused or SendResult.TooLarge or SendResult.Failed)
                {
                    refusals++;
                    if (part.Count > 1)
                    {
                        Halve(part, parts, isDeep: !isAnySent && (_isAllRefused || refusals > MaxRefusals / 2));
                        continue;
                    }
                }
            }

            lost.AddRange(part);
            drops.Add(part, failure.Result, failure.Said);
        }

        return lost.Count == 0 ? SendResult.Sent : failure.Result;

        bool IsGivenUp()
        {
            if (refusals == 0)
                return false;
            if (isAnySent || refusals < (_isAllRefused ? MaxRefusalsAgain : MaxRefusals))
                return timeProvider.GetElapsedTime(started) >= settings.Options.MaxRetryTime;
            return _isAllRefused = true;
        }
    }

    /// <summary>Logs a fault of ours, once a minute as what is dropped.</summary>
    internal void LogFailure(Exception exception)
    {
        lock (_gate)
        {
            if (_failureSaidAt is { } at && timeProvider.GetElapsedTime(at) < DropLog.Pause)
                return;
            _failureSaidAt = timeProvider.GetTimestamp();
        }

        ExportLog.ExportFailed(logger, exception);
    }

    // One of them poisons the others: halve until it is alone. In turns, so that what is good is found soon; where bad ones
    // are everywhere no part of some size is, and one is followed down to single runs.
    private static void Halve(IReadOnlyList<RunOperation> part, LinkedList<IReadOnlyList<RunOperation>> parts, bool isDeep)
    {
        RunOperation[] first = [.. part.Take(part.Count / 2)];
        RunOperation[] second = [.. part.Skip(part.Count / 2)];
        if (isDeep)
        {
            parts.AddFirst(second);
            parts.AddFirst(first);
        }
        else
        {
            parts.AddLast(first);
            parts.AddLast(second);
        }
    }

    private async Task<(SendResult Result, string? Said)> TrySendAsync(IReadOnlyList<RunOperation> operations, ServerInfo info, CancellationToken cancellationToken)
    {
        if (!settings.IsEnabled())
            return (SendResult.Off, null);
        try
        {
            var answer = await client.SendAsync(operations, info, cancellationToken).ConfigureAwait(false);
            if (answer.Result == SendResult.NoMultipart)
                answer = await client.SendAsync(operations, info, cancellationToken).ConfigureAwait(false);
            return answer.Result == SendResult.NoMultipart ? (SendResult.Rejected, answer.Said) : answer;
        }
        catch (Exception exception)
        {
            // Ours: the next batch may go well.
            LogFailure(exception);
            return (SendResult.Failed, null);
        }
    }

    private void CountPosted(IReadOnlyList<RunOperation> operations)
    {
        var recovered = operations.Count(static operation => operation.MakesUpForStart);
        var posted = operations.Sum(static operation => operation.Weight) + recovered;
        Interlocked.Add(ref _posted, posted);
        Interlocked.Add(ref _recovered, recovered);
        ExportTelemetry.CountPosted(posted, recovered);
    }
}
