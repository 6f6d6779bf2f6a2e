using System.Diagnostics;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Pump;
using LangSmith.Http.Export.Queue;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http;

/// <summary>
/// Posts runs to LangSmith in the background. What it is told is queued, within bounds, and never blocks the caller; a
/// LangSmith that is slow, wrong or gone costs runs, which are counted, and nothing else. Registered by
/// <c>AddLangSmithExport()</c>; without a container make one with the constructor. Thread-safe.
/// </summary>
/// <example>
/// Without a host:
/// <code>
/// await using var exporter = new LangSmithExporter();      // LANGSMITH_API_KEY, LANGSMITH_ENDPOINT…
/// var tracer = new LangSmithTracer(exporter);
/// …
/// await exporter.FlushAsync(TimeSpan.FromSeconds(5));      // at the end of a short-lived function
/// </code>
/// </example>
public sealed class LangSmithExporter : IRunRecorder, IAsyncDisposable, IDisposable
{
    /// <summary>
    /// The name of the factory's client whose configuration is that of the client that posts (proxy, certificates, primary
    /// handler). A primary handler should be a <see cref="SocketsHttpHandler"/> of its own: redirects and spans are switched
    /// off on it.
    /// </summary>
    public const string HttpClientName = "LangSmith.Http.Export";

    private const int ConcurrentBatches = 4;
    private static readonly TimeSpan FaultPause = TimeSpan.FromSeconds(1);

    // What the last runs are given even where others have used up the host's time.
    private static readonly TimeSpan LeastShutdownTime = TimeSpan.FromSeconds(2);

    private const string AbandonedError = "The application ended before the run did.";

    private readonly ExportSettings _settings;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly RunQueue _queue;
    private readonly IngestClient _client;
    private readonly DropLog _drops;
    private readonly BatchSender _sender;
    private readonly ExportClient _exportClient;
    private readonly SemaphoreSlim _slots = new(ConcurrentBatches);
    private readonly CancellationTokenSource _stop = new();
    private readonly object _gate = new();
    private TaskCompletionSource _hurry = NewSignal();
    private int _flushes;
    private volatile Task? _loop;
    private Task? _stopping;
    private bool _isAnnounced;

    /// <summary>Makes an exporter without a container.</summary>
    /// <param name="options">Where runs are posted; null means the defaults, which ask the environment.</param>
    /// <param name="handler">Sends the requests; null means a <see cref="SocketsHttpHandler"/> of its own. It is disposed with the exporter.</param>
    /// <param name="timeProvider">The clock; null means the system's.</param>
    /// <param name="logger">Where is logged; null means nowhere.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithExporter(
        LangSmithExportOptions? options = null, HttpMessageHandler? handler = null, TimeProvider? timeProvider = null, ILogger<LangSmithExporter>? logger = null)
        : this(
            ExportSettingsReader.TryRead(options ?? new LangSmithExportOptions(), out var errors) ?? throw new ArgumentException(string.Join(' ', errors), nameof(options)),
            new ExportClient(handler ?? CreateHandler()),
            timeProvider ?? TimeProvider.System,
            logger ?? (ILogger)NullLogger.Instance)
    {
    }

    internal LangSmithExporter(ExportSettings settings, ExportClient client, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _timeProvider = timeProvider;
        _logger = logger = QuietLogger.Wrap(logger);
        _queue = new RunQueue(settings.Options.MaxQueuedOperations, settings.Options.MaxQueuedBytes, timeProvider);
        _exportClient = client;
        _client = new IngestClient(settings, client.Http, timeProvider, logger);
        _drops = new DropLog(logger, timeProvider);
        _sender = new BatchSender(settings, _client, _drops, timeProvider, logger);
        ExportTelemetry.Track(_queue);
    }

    /// <summary>How many starts and ends of runs wait or are on their way; both of a run are one while both wait.</summary>
    public int QueuedOperations => _queue.Count;

    /// <summary>About how many bytes they are.</summary>
    public long QueuedBytes => _queue.Bytes;

    /// <summary>How many starts and ends of runs LangSmith has taken.</summary>
    public long PostedOperations => _sender.Posted;

    /// <summary>
    /// How many starts and ends of runs did not get to LangSmith, for whatever reason. A start that was dropped no longer
    /// counts once the run's end has arrived: it says all that the start did.
    /// </summary>
    public long DroppedOperations => _drops.Total - _sender.Recovered;

    /// <summary>What is wrong at the moment, in words; null when nothing is.</summary>
    internal string? Trouble =>
        _drops.Recent is { } reason ? $"Runs were dropped within the last minute: {reason}"
        : _queue.Count > 0 && _client.Trouble is { } trouble ? $"LangSmith is not reachable, or busy: {trouble}"
        : _queue.Count > _settings.Options.MaxQueuedOperations / 2 || _queue.Bytes > _settings.Options.MaxQueuedBytes / 2 ? "The queue is more than half full: LangSmith is slow, or gone."
        : null;

    /// <inheritdoc/>
    public bool ShouldRecord(Guid traceId) => TraceSampler.ShouldRecord(traceId, _settings.SamplingRate);

    /// <inheritdoc/>
    public void OnStart(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        Enqueue(new RunOperation(run, isCreate: true, _settings) { Link = LinkWith(Activity.Current, run) }, static (queue, operation) => queue.TryStart(operation));
    }

    /// <inheritdoc/>
    public void OnEnd(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        Enqueue(new RunOperation(run, isCreate: false, _settings), static (queue, operation) => queue.TryEnd(operation));
    }

    /// <summary>Waits until everything that was queued before this call is posted, or given up.</summary>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> waits as long as it takes.</param>
    /// <param name="cancellationToken">Ends the wait, not the posting.</param>
    /// <returns>True when it is; false when the time was over before.</returns>
    public async Task<bool> FlushAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        using var late = new CancellationTokenSource(timeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var last = _queue.LastSequence;
        Interlocked.Increment(ref _flushes);
        Hurry();
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

    /// <summary>
    /// Ends what is still open with an error that says so, posts what is queued for <see cref="LangSmithExportOptions.ShutdownTimeout"/>
    /// at most, and stops. What is left is counted as dropped, and so is what comes later.
    /// </summary>
    public ValueTask DisposeAsync() => new(StopAsync(CancellationToken.None));

    /// <summary>Does what <see cref="DisposeAsync"/> does, and waits for it; for containers that are disposed synchronously.</summary>
    public void Dispose() => Task.Run(() => StopAsync(CancellationToken.None)).GetAwaiter().GetResult();

    internal static SocketsHttpHandler CreateHandler() => new()
    {
        // Nobody's trace: no span of its own, no header of the runtime.
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    };

    internal Task StopAsync(CancellationToken cancellationToken)
    {
        // Whoever stops it too waits for the same end.
        lock (_gate)
            return _stopping ??= StopOnceAsync(cancellationToken);
    }

    // Each names the other, so that one can be found from the other; of several runs in an activity the first is named.
    private static ActivityContext LinkWith(Activity? activity, RunSnapshot run)
    {
        if (activity is not { IdFormat: ActivityIdFormat.W3C })
            return default;
        if (activity.GetTagItem("langsmith.run_id") is null)
        {
            activity.SetTag("langsmith.trace_id", run.TraceId.ToString());
            activity.SetTag("langsmith.run_id", run.Id.ToString());
        }

        return activity.Context;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        _queue.Close(AbandonedError);
        EnsureStarted();
        var timeout = _settings.Options.ShutdownTimeout;
        var least = timeout < LeastShutdownTime ? timeout : LeastShutdownTime;
        // The time that passes, whatever the application's clock says: a test's may stand still.
        using var late = new CancellationTokenSource(timeout);
        using var hostIsLate = cancellationToken.Register(() => late.CancelAfter(least));
        try
        {
            await FlushAsync(timeout, late.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Time is over: what was not posted is counted below.
        }

        // A handler of the user's may have asked to be told, and throw.
        await _stop.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _loop!.ConfigureAwait(false);
        // Batches on their way end with the token; then nothing holds a slot.
        for (var i = 0; i < ConcurrentBatches; i++)
            await _slots.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        while (_queue.Take(int.MaxValue, long.MaxValue) is { } rest)
        {
            _drops.Add(rest.Operations, SendResult.Shutdown);
            _queue.Complete(rest, rest.Operations);
        }

        _drops.Dispose();
        await _exportClient.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Enqueue(RunOperation operation, Func<RunQueue, RunOperation, SendResult?> enqueue)
    {
        if (enqueue(_queue, operation) is { } reason)
            _drops.Add([operation], reason);
        else if (_loop is null)
            EnsureStarted();
    }

    // When there is something to send, and not before: where tracing is off a missing key is nobody's concern.
    private void Announce()
    {
        if (_isAnnounced)
            return;
        _isAnnounced = true;
        ExportLog.Exporting(_logger, _settings.Endpoint);
        if (_settings.ApiKey is null)
            ExportLog.NoKey(_logger);
        if (_exportClient.FollowsRedirects)
            ExportLog.FollowsRedirects(_logger, HttpClientName);
    }

    private void EnsureStarted()
    {
        lock (_gate)
        {
            if (_loop is not null)
                return;
            // Whoever's run, activity and baggage are current here: none of them goes along.
            if (ExecutionContext.IsFlowSuppressed())
            {
                _loop = Task.Run(RunAsync);
                return;
            }

            using (ExecutionContext.SuppressFlow())
                _loop = Task.Run(RunAsync);
        }
    }

    private void Hurry() => Interlocked.Exchange(ref _hurry, NewSignal()).TrySetResult();

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
                // Ours. What is queued is still there; a loop that has ended would never send it.
                _sender.LogFailure(exception);
                await Task.Delay(FaultPause, _timeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // Waits until there is a batch, and sends it, or part of it.
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
        // Switched off, what waits is dropped below, and nobody is asked.
        var info = _settings.IsEnabled() ? await _client.GetInfoAsync(_stop.Token).ConfigureAwait(false) : ServerInfo.Default;
        _queue.MaxOperationBytes = _client.KnownInfo?.MaxBytes ?? long.MaxValue;
        var maxOperations = Math.Min(_settings.Options.MaxBatchOperations, info.MaxOperations);
        var maxBytes = _client.MaxBatchBytes(info);
        var wait = _settings.Options.FlushInterval - _timeProvider.GetElapsedTime(oldestAt);
        if (count < maxOperations && bytes < maxBytes && wait > TimeSpan.Zero && Volatile.Read(ref _flushes) == 0)
        {
            using var waited = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            await Task.WhenAny(hurry.Task, _queue.WhenFull(maxOperations, maxBytes), Task.Delay(wait, _timeProvider, waited.Token)).ConfigureAwait(false);
            await waited.CancelAsync().ConfigureAwait(false);
            return;
        }

        await _slots.WaitAsync(_stop.Token).ConfigureAwait(false);
        if (_queue.Take(maxOperations, maxBytes) is { } batch)
            _ = SendAsync(batch, info);
        else
            _slots.Release();
    }

    private async Task SendAsync(RunBatch batch, ServerInfo info)
    {
        await Task.Yield();
        var lost = new List<RunOperation>();
        var started = _timeProvider.GetTimestamp();
        try
        {
            var result = await _sender.SendAsync(batch.Operations, info, lost, _stop.Token).ConfigureAwait(false);
            ExportTelemetry.Measure(result, batch.Operations.Count, _timeProvider.GetElapsedTime(started));
        }
        finally
        {
            Complete(batch, lost);
        }
    }

    // Not in the method above: of a finally inside the finally of an async method the trimmer of .NET 10 leaves nothing.
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
}
