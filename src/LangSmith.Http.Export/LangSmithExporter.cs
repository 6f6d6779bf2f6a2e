using System.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Pump;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http;

/// <summary>
/// Posts runs to LangSmith in the background. Its queue is bounded and never blocks the caller. If LangSmith is slow or not
/// reachable, runs are dropped and counted. <c>AddLangSmithExport()</c> registers it; without a container use the
/// constructor. Thread-safe.
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
    /// The name of the factory's client that configures the exporter's own (proxy, certificates, primary handler). Do not
    /// share a primary handler with other clients: the exporter switches off its redirects and, on a
    /// <see cref="SocketsHttpHandler"/>, its spans.
    /// </summary>
    public const string HttpClientName = ExportClient.Name;

    private readonly ExportSettings _settings;
    private readonly ExportPump _pump;

    /// <summary>Creates an exporter without a container.</summary>
    /// <param name="options">The options; null means the defaults, which read the environment.</param>
    /// <param name="handler">
    /// Sends the requests, and is disposed with the exporter; null means a new <see cref="SocketsHttpHandler"/>.
    /// </param>
    /// <param name="timeProvider">The clock; null means the system's.</param>
    /// <param name="logger">The logger; null means none.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithExporter(
        LangSmithExportOptions? options = null,
        HttpMessageHandler? handler = null,
        TimeProvider? timeProvider = null,
        ILogger<LangSmithExporter>? logger = null)
        : this(
            ExportSettingsReader.TryRead(options ?? new LangSmithExportOptions(), out var errors)
                ?? throw new ArgumentException(string.Join(' ', errors), nameof(options)),
            new ExportClient(handler ?? ExportClient.CreateHandler()),
            timeProvider ?? TimeProvider.System,
            logger ?? (ILogger)NullLogger.Instance)
    {
    }

    internal LangSmithExporter(ExportSettings settings, ExportClient client, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _pump = new ExportPump(settings, client, timeProvider, logger);
    }

    internal int QueuedOperations => _pump.Queued.Operations;

    internal long QueuedBytes => _pump.Queued.Bytes;

    internal long PostedOperations => _pump.Posted;

    internal long DroppedOperations => _pump.Dropped;

    /// <summary>What is wrong at the moment; null if nothing is.</summary>
    internal string? Trouble => _pump.Trouble;

    /// <inheritdoc/>
    public bool ShouldRecord(Guid traceId) => TraceSampler.ShouldRecord(traceId, _settings.SamplingRate);

    /// <inheritdoc/>
    public void OnStart(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        _pump.Start(new RunOperation(run, isCreate: true, _settings) { Link = LinkWith(Activity.Current, run) });
    }

    /// <inheritdoc/>
    public void OnEnd(RunSnapshot run)
    {
        ArgumentNullException.ThrowIfNull(run);
        _pump.End(new RunOperation(run, isCreate: false, _settings));
    }

    /// <summary>Waits until everything that was queued before this call is posted or dropped.</summary>
    /// <param name="timeout">The longest wait; <see cref="Timeout.InfiniteTimeSpan"/> means no limit.</param>
    /// <param name="cancellationToken">Cancels the wait, not the posting.</param>
    /// <returns>True if everything is posted or dropped; false if the timeout is over.</returns>
    public Task<bool> FlushAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        _pump.FlushAsync(timeout, cancellationToken);

    /// <summary>
    /// Ends open runs with an error, posts what is queued within <see cref="LangSmithExportOptions.ShutdownTimeout"/>, and
    /// stops. The rest, and what comes later, is dropped and counted.
    /// </summary>
    public ValueTask DisposeAsync() => _pump.DisposeAsync();

    /// <summary>Calls <see cref="DisposeAsync"/> and waits for it, for containers that are disposed synchronously.</summary>
    public void Dispose() => Task.Run(() => StopAsync(CancellationToken.None)).GetAwaiter().GetResult();

    internal Task StopAsync(CancellationToken cancellationToken) => _pump.StopAsync(cancellationToken);

    // Run and activity name each other. An activity with several runs names the first.
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
}
