using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Pump;

/// <summary>Sends batches, finds the good operations of a refused batch, and counts what was posted and dropped.</summary>
internal sealed class BatchSender(ExportSettings settings, IngestClient client, DropLog drops, TimeProvider timeProvider, ILogger logger)
{
    // Bounds the requests to a server that refuses everything: after so many refused parts with nothing sent, single
    // operations from all over the batch are tried; if all of them are refused, the rest is dropped.
    private const int MaxRefusals = 64;
    private const int Samples = 16;

    private readonly LogThrottle _failureThrottle = new(LogThrottle.Minute, timeProvider);
    private long _posted;
    private long _recovered;
    private volatile bool _isAllRefused;

    /// <summary>How many operations LangSmith has.</summary>
    internal long Posted => Interlocked.Read(ref _posted);

    /// <summary>How many dropped starts were posted with their ends.</summary>
    internal long Recovered => Interlocked.Read(ref _recovered);

    /// <summary>Sends a batch. Operations that are lost are counted as dropped and added to <paramref name="lost"/>.</summary>
    /// <returns>Why the last ones were lost; null if all were sent.</returns>
    internal async Task<DropReason?> SendAsync(
        IReadOnlyList<RunOperation> operations, ServerInfo info, List<RunOperation> lost, CancellationToken stop)
    {
        using var late = new CancellationTokenSource();
        await using var timer = StartRetryTime(late).ConfigureAwait(false);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stop);
        var parts = new Queue<IReadOnlyList<RunOperation>>([operations]);
        var refusals = 0;
        // If the batch before was refused as a whole, try no halves.
        var maxRefusals = _isAllRefused ? 1 : MaxRefusals;
        var isSampled = false;
        var isAnySent = false;
        var sentBefore = client.Sent;
        DropReason? lastReason = null;
        while (parts.TryDequeue(out var part))
        {
            var (failure, answer, isSplit) = await TrySendAsync(part, info, sentBefore, either.Token, stop).ConfigureAwait(false);
            if (failure is not { } reason)
            {
                isAnySent = true;
                _isAllRefused = false;
                CountPosted(part);
                continue;
            }

            if (isSplit && part.Count > 1)
            {
                Halve(part);
                continue;
            }

            if (reason == DropReason.TooLarge && part.Count == 1 && part[0].TryOmit())
            {
                Telemetry.Count(Fault.PayloadCut);
                parts.Enqueue(part);
                continue;
            }

            lastReason = reason;
            if (reason is DropReason.Refused or DropReason.TooLarge or DropReason.Failed)
            {
                refusals++;
                if (part.Count > 1)
                {
                    Halve(part);
                    part = [];
                }
            }

            Drop(part, reason, answer);
            var isRefused = !isAnySent && refusals >= maxRefusals;
            if (late.IsCancellationRequested || (isRefused && isSampled))
            {
                _isAllRefused = !isAnySent && refusals > 0;
                foreach (var rest in parts)
                    Drop(rest, reason, answer);
                break;
            }

            if (isRefused)
            {
                isSampled = true;
                parts = Sample(parts);
                maxRefusals = refusals + Math.Min(Samples, parts.Count);
            }
        }

        return lost.Count == 0 ? null : lastReason;

        // One operation may be the cause: halve until it is alone. Breadth first, to send good ones soon.
        void Halve(IReadOnlyList<RunOperation> part)
        {
            parts.Enqueue([.. part.Take(part.Count / 2)]);
            parts.Enqueue([.. part.Skip(part.Count / 2)]);
        }

        void Drop(IReadOnlyList<RunOperation> some, DropReason reason, string? answer)
        {
            lost.AddRange(some);
            drops.Add(some.Sum(static operation => operation.Weight), reason, answer);
        }
    }

    /// <summary>Logs an exception of the exporter's own code, at most once a minute.</summary>
    internal void LogFailure(Exception exception)
    {
        if (_failureThrottle.TryPass())
            ExportLog.ExportFailed(logger, exception);
    }

    // Puts single operations first, spread evenly over the rest.
    private static Queue<IReadOnlyList<RunOperation>> Sample(Queue<IReadOnlyList<RunOperation>> parts)
    {
        var all = parts.SelectMany(static part => part).ToList();
        var step = Math.Max(1, all.Count / Samples);
        var size = parts.Count == 0 ? 1 : parts.Max(static part => part.Count);
        var isSample = (RunOperation _, int index) => index % step == 0 && index / step < Samples;
        return new([
            .. all.Where(isSample).Select(static operation => (IReadOnlyList<RunOperation>)[operation]),
            .. all.Where((operation, index) => !isSample(operation, index)).Chunk(size),
        ]);
    }

    private static DropReason? GetDropReason(SendOutcome outcome, bool isStopping) => outcome switch
    {
        SendOutcome.Sent => null,
        SendOutcome.Refused => DropReason.Refused,
        SendOutcome.TooLarge => DropReason.TooLarge,
        SendOutcome.Unauthorized => DropReason.Unauthorized,
        SendOutcome.Forbidden => DropReason.Forbidden,
        SendOutcome.Unavailable or SendOutcome.TooSlow or SendOutcome.Suspect => DropReason.RetriesExhausted,
        SendOutcome.NotLangSmith => DropReason.NotLangSmith,
        SendOutcome.SwitchedOff => DropReason.Off,
        SendOutcome.Canceled => isStopping ? DropReason.Shutdown : DropReason.RetriesExhausted,
        _ => DropReason.Rejected,
    };

    private async Task<(DropReason? Failure, string? Answer, bool IsSplit)> TrySendAsync(
        IReadOnlyList<RunOperation> operations, ServerInfo info, long sentBefore, CancellationToken cancellationToken, CancellationToken stop)
    {
        if (!settings.IsEnabled())
            return (DropReason.Off, null, false);
        try
        {
            var (outcome, answer) = await client.SendAsync(operations, info, sentBefore, cancellationToken).ConfigureAwait(false);
            if (outcome == SendOutcome.NoMultipart)
                (outcome, answer) = await client.SendAsync(operations, info, sentBefore, cancellationToken).ConfigureAwait(false);
            return (GetDropReason(outcome, stop.IsCancellationRequested), answer, outcome is SendOutcome.TooSlow or SendOutcome.Suspect);
        }
        catch (Exception exception)
        {
            // A fault of the exporter: the next batch may succeed.
            LogFailure(exception);
            return (DropReason.Failed, null, false);
        }
    }

    // MaxRetryTime counts from when LangSmith took something for the last time, whichever batch it was of.
    private ITimer StartRetryTime(CancellationTokenSource late)
    {
        var max = settings.Options.MaxRetryTime;
        var startedAt = timeProvider.GetTimestamp();
        ITimer? timer = null;
        using var suppressed = ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow();
        timer = timeProvider.CreateTimer(
            _ =>
            {
                var left = max - timeProvider.GetElapsedTime(Math.Max(startedAt, client.SentAt));
                if (left <= TimeSpan.Zero)
                    NeverThrow.Run(late, static late => late.Cancel());
                else
                    Volatile.Read(ref timer)?.Change(left, Timeout.InfiniteTimeSpan);
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        timer.Change(max, Timeout.InfiniteTimeSpan);
        return timer;
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
