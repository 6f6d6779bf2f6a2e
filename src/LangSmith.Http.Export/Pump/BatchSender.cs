using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Pump;

/// <summary>Sends batches, saves what is good of those that are refused, and keeps count of both.</summary>
internal sealed class BatchSender(ExportSettings settings, IngestClient client, DropLog drops, TimeProvider timeProvider, ILogger logger)
{
    // How many parts of a batch may be refused before any of it is taken; and how many runs, from all over it, are then tried
    // alone before the rest is given up: a server that refuses everything is not to be besieged.
    private const int MaxRefusals = 64;
    private const int Samples = 16;

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
    internal async Task<SendResult> SendAsync(IReadOnlyList<RunOperation> operations, ServerInfo info, List<RunOperation> lost, CancellationToken stop)
    {
        using var late = new CancellationTokenSource(settings.Options.MaxRetryTime, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, stop);
        var parts = new Queue<IReadOnlyList<RunOperation>>([operations]);
        var refusals = 0;
        // Where everything was refused just now, no halves are tried.
        var maxRefusals = _isAllRefused ? 1 : MaxRefusals;
        var isSampled = false;
        var isAnySent = false;
        (SendResult Result, string? Said) failure = default;
        while (parts.TryDequeue(out var part))
        {
            var answer = await TrySendAsync(part, info, either.Token).ConfigureAwait(false);
            if (answer.Result == SendResult.Sent)
            {
                isAnySent = true;
                _isAllRefused = false;
                CountPosted(part);
                continue;
            }

            failure = answer.Result == SendResult.Shutdown && !stop.IsCancellationRequested ? (SendResult.RetriesExhausted, answer.Said) : answer;
            if (failure.Result is SendResult.Refused or SendResult.TooLarge or SendResult.Failed)
            {
                refusals++;
                if (part.Count > 1)
                {
                    // One of them poisons the others: halve until it is alone. In turns, so that what is good is found soon.
                    parts.Enqueue([.. part.Take(part.Count / 2)]);
                    parts.Enqueue([.. part.Skip(part.Count / 2)]);
                    part = [];
                }
            }

            Lose(part);
            if (late.IsCancellationRequested || (!isAnySent && refusals >= maxRefusals && isSampled))
            {
                _isAllRefused = !isAnySent && refusals > 0;
                foreach (var rest in parts)
                    Lose(rest);
                break;
            }

            if (!isAnySent && refusals >= maxRefusals)
            {
                isSampled = true;
                parts = Sample(parts);
                maxRefusals = refusals + Math.Min(Samples, parts.Count);
            }
        }

        return lost.Count == 0 ? SendResult.Sent : failure.Result;

        void Lose(IReadOnlyList<RunOperation> some)
        {
            lost.AddRange(some);
            drops.Add(some, failure.Result, failure.Said);
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

    // Bad ones are everywhere, or nothing is good enough: single runs first, spread over what is left.
    private static Queue<IReadOnlyList<RunOperation>> Sample(Queue<IReadOnlyList<RunOperation>> parts)
    {
        var all = parts.SelectMany(static part => part).ToList();
        var step = Math.Max(1, all.Count / Samples);
        var size = parts.Count == 0 ? 1 : parts.Max(static part => part.Count);
        var isSample = (RunOperation _, int index) => index % step == 0 && index / step < Samples;
        return new([.. all.Where(isSample).Select(static run => (IReadOnlyList<RunOperation>)[run]), .. all.Where((run, index) => !isSample(run, index)).Chunk(size)]);
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
