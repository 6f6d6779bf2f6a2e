using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Queue;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Export.Pump;

/// <summary>
/// Moves operations from the queue to LangSmith: a loop takes batches, and a bounded number of them is sent at a time. The
/// loop starts with the first operation, and stops with the application.
/// </summary>
internal sealed class ExportPump : IAsyncDisposable
{
    private const int ConcurrentBatches = 4;
    private const string AbandonedError = "The application ended before the run did.";
    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(1);

    // What remains for the last runs if other services have used up the host's time.
    private static readonly TimeSpan LeastShutdownTime = TimeSpan.FromSeconds(2);

    private readonly ExportSettings _settings;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly RunQueue _queue;
    private readonly DropLog _drops;

    // Used by the loop.
    private readonly ExportClient _exportClient;
    private readonly IngestClient _client;
    private readonly LogThrottle _announced = new();

    // Used by the loop and the batches being sent.
    private readonly BatchSender _sender;
    private readonly SemaphoreSlim _slots = new(ConcurrentBatches);
    private readonly CancellationTokenSource _stop = new();

    // Written by callers that flush, read by the loop.
    private TaskCompletionSource _hurry = NewSignal();
    private int _flushes;

    // Written by callers under the lock, once.
    private readonly object _gate = new();
    private volatile Task? _loop;
    private Task? _stopping;

    internal ExportPump(ExportSettings settings, ExportClient client, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _timeProvider = timeProvider;
        _logger = QuietLogger.Wrap(logger);
        _queue = new RunQueue(settings.Options.MaxQueuedOperations, settings.Options.MaxQueuedBytes, timeProvider);
        _drops = new DropLog(_logger, timeProvider);
        _exportClient = client;
        _client = new IngestClient(settings, client.Http, timeProvider, _logger);
        _sender = new BatchSender(settings, _client, _drops, timeProvider, _logger);
        ExportTelemetry.Track(_queue.Size);
    }

    /// <summary>The operations that wait or are being sent.</summary>
    internal QueueSize Queued => _queue.Size;

    internal long Posted => _sender.Posted;

    /// <summary>How many operations are lost: those dropped, without starts that were posted with their ends.</summary>
    internal long Dropped => _drops.Total - _sender.Recovered;

    /// <summary>What is wrong at the moment; null if nothing is.</summary>
    internal string? Trouble =>
        _drops.Recent is { } reason ? $"Runs were dropped within the last minute: {reason}"
        : Queued.Operations > 0 && _client.Trouble is { } trouble ? $"LangSmith is unreachable or busy: {trouble}"
        : Queued.Operations > _settings.Options.MaxQueuedOperations / 2 || Queued.Bytes > _settings.Options.MaxQueuedBytes / 2
            ? "The queue is more than half full: LangSmith is slow, or gone."
        : null;

    internal void Start(RunOperation start) => CompleteEnqueue(start, _queue.TryStart(start));

    internal void End(RunOperation end) => CompleteEnqueue(end, _queue.TryEnd(end));

    /// <summary>Waits until everything queued before this call is sent or dropped; returns false if the time is over.</summary>
    internal async Task<bool> FlushAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(timeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var last = _queue.LastSequence;
        Interlocked.Increment(ref _flushes);
        Interlocked.Exchange(ref _hurry, NewSignal()).TrySetResult();
        try
        {
            while (true)
            {
                var changed = _queue.Changed;
                if (_queue.IsDone(last))
                    return true;
                await changed.WaitAsync(either.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _flushes);
        }
    }

    /// <summary>Ends open runs, sends what is queued within the shutdown timeout, and drops the rest. All callers wait.</summary>
    internal Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            return _stopping ??= StopOnceAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => new(StopAsync(CancellationToken.None));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void CompleteEnqueue(RunOperation operation, DropReason? refusal)
    {
        if (refusal is { } reason)
            _drops.Add(operation.Weight, reason);
        else if (_loop is null)
            EnsureStarted();
    }

    private void EnsureStarted()
    {
        lock (_gate)
        {
            if (_loop is not null)
                return;
            // The loop must not inherit the caller's run, activity and baggage.
            using var suppressed = ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow();
            _loop = Task.Run(RunAsync);
        }
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await SendNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // A fault of the exporter. The queue keeps its operations, so the loop goes on.
                _sender.LogFailure(exception);
                await Task.Delay(FaultPause, _timeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // Waits for a reason to send and returns, or sends one batch.
    private async Task SendNextAsync()
    {
        var changed = _queue.Changed;
        var hurry = Volatile.Read(ref _hurry);
        var (count, bytes, oldestAt) = _queue.Waiting;
        if (count == 0)
        {
            await changed.WaitAsync(_stop.Token).ConfigureAwait(false);
            return;
        }

        Announce();
        // If tracing is off, the batch is dropped: send no request.
        var info = _settings.IsEnabled() ? await _client.GetInfoAsync(_stop.Token).ConfigureAwait(false) : ServerInfo.Default;
        _queue.MaxOperationBytes = _client.KnownInfo?.MaxBytes ?? long.MaxValue;
        var maxOperations = Math.Min(_settings.Options.MaxBatchOperations, info.MaxOperations);
        var maxBytes = _client.GetMaxBatchBytes(info);
        var wait = _settings.Options.FlushInterval - _timeProvider.GetElapsedTime(oldestAt);
        if (count < maxOperations && bytes < maxBytes && wait > TimeSpan.Zero && Volatile.Read(ref _flushes) == 0)
        {
            using var waited = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var interval = Task.Delay(wait, _timeProvider, waited.Token);
            await Task.WhenAny(hurry.Task, _queue.WhenFull(maxOperations, maxBytes), interval).ConfigureAwait(false);
            await waited.CancelAsync().ConfigureAwait(false);
            return;
        }

        await _slots.WaitAsync(_stop.Token).ConfigureAwait(false);
        if (_queue.Take(maxOperations, maxBytes) is { } batch)
            _ = SendAsync(batch, info);
        else
            _slots.Release();
    }

    // With the first operation: if tracing is off, a missing key is no problem.
    private void Announce()
    {
        if (!_announced.TryPass())
            return;
        ExportLog.Exporting(_logger, _settings.Endpoint);
        if (_settings.ApiKey is null)
            ExportLog.NoKey(_logger);
        if (_exportClient.FollowsRedirects)
            ExportLog.FollowsRedirects(_logger, ExportClient.Name);
    }

    private async Task SendAsync(RunBatch batch, ServerInfo info)
    {
        await Task.Yield();
        var lost = new List<RunOperation>();
        var started = _timeProvider.GetTimestamp();
        try
        {
            var failure = await _sender.SendAsync(batch.Operations, info, lost, _stop.Token).ConfigureAwait(false);
            ExportTelemetry.Measure(failure, batch.Operations.Count, _timeProvider.GetElapsedTime(started));
        }
        finally
        {
            Complete(batch, lost);
        }
    }

    // A method of its own: the trimmer of .NET 10 removes a finally inside the finally of an async method.
    private void Complete(RunBatch batch, List<RunOperation> lost)
    {
        try
        {
            _queue.Complete(batch, lost);
        }
        finally
        {
            _slots.Release();
        }
    }

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        _queue.Close(AbandonedError);
        EnsureStarted();
        var timeout = _settings.Options.ShutdownTimeout;
        var least = timeout < LeastShutdownTime ? timeout : LeastShutdownTime;
        // By the system's clock: the application's may be a fake that stands still.
        using var late = new CancellationTokenSource(timeout);
        _client.Hurry();
        using var hostIsLate = cancellationToken.Register(() => late.CancelAfter(least));
        try
        {
            await FlushAsync(timeout, late.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The rest is counted below.
        }

        // A callback that a handler of the user's registered may throw.
        await _stop.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _loop!.ConfigureAwait(false);
        // The token ends the batches being sent, which release their slots.
        for (var i = 0; i < ConcurrentBatches; i++)
            await _slots.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        while (_queue.Take(int.MaxValue, long.MaxValue) is { } rest)
        {
            _drops.Add(rest.Operations.Sum(static operation => operation.Weight), DropReason.Shutdown);
            _queue.Complete(rest, rest.Operations);
        }

        _drops.Dispose();
        await _exportClient.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }
}
