using System.Net;
using System.Text;
using LangSmith.Http.Collector.Hosting;
using LangSmith.Http.Collector.Traces;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

/// <summary>
/// A local LangSmith: accepts runs from any SDK, reports what LangSmith would refuse and why, keeps traces in memory within
/// bounds, and shows them on a page. Thread-safe.
/// </summary>
/// <remarks>
/// For tests, examples and laptops. There are no accounts, and API keys are ignored. Keep it on loopback: anyone who reaches
/// it can read every payload.
/// </remarks>
/// <example>
/// In a test, with the exporter or an SDK pointed at <see cref="Endpoint"/> (<c>LANGSMITH_ENDPOINT</c>), or without HTTP:
/// <code>
/// await using var collector = await LangSmithCollector.StartAsync();
/// services.AddSingleton(collector.CreateRecorder("gateway"));
/// …
/// var trace = collector.AssertOneTrace();
/// </code>
/// </example>
public sealed class LangSmithCollector : IAsyncDisposable
{
    private readonly LangSmithCollectorOptions _options;
    private WebApplication? _app;
    private Uri? _endpoint;
    private long _requests;

    /// <summary>Makes a collector that does not listen: for recorders in this process, or <c>MapLangSmithCollector</c>.</summary>
    /// <param name="options">The options; null means the defaults.</param>
    /// <param name="timeProvider">The clock; null means the system's clock.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message names it and the remedy.</exception>
    public LangSmithCollector(LangSmithCollectorOptions? options = null, TimeProvider? timeProvider = null)
    {
        _options = options ?? new LangSmithCollectorOptions();
        _options.Validate();
        Store = new TraceStore(_options.MaxRuns, _options.MaxBytes, timeProvider ?? TimeProvider.System);
    }

    /// <summary>The address of a started collector's page, and the value for <c>LANGSMITH_ENDPOINT</c>.</summary>
    /// <exception cref="InvalidOperationException">The collector was not started with <see cref="StartAsync"/>.</exception>
    public Uri Endpoint => _endpoint
        ?? throw new InvalidOperationException("The collector does not listen. Start it with LangSmithCollector.StartAsync().");

    /// <summary>The traces that are held, newest first.</summary>
    public IReadOnlyList<CollectedTrace> Traces => Store.Traces();

    /// <summary>
    /// The problems: refused requests, newest first, then what is wrong or missing in the traces as they are now. Empty if
    /// there are none.
    /// </summary>
    public IReadOnlyList<CollectorProblem> Problems => Store.Problems();

    /// <summary>
    /// How many runs were evicted, or arrived after their trace was, because of <see cref="LangSmithCollectorOptions.MaxRuns"/>
    /// or <see cref="LangSmithCollectorOptions.MaxBytes"/>.
    /// </summary>
    public long DroppedRuns => Store.Dropped;

    /// <summary>
    /// Called for each ingest request to make it fail on purpose; if it is null or returns null, the request is processed.
    /// </summary>
    /// <value>Default: null.</value>
    public Func<CollectorRequest, CollectorFault?>? Fault { get; set; }

    internal TraceStore Store { get; }

    /// <summary>The services of its own server; null if it has none.</summary>
    internal IServiceProvider? Services => _app?.Services;

    internal long MaxRequestBytes => _options.MaxRequestBytes;

    /// <summary>Starts a collector with a server of its own on 127.0.0.1.</summary>
    /// <param name="configure">Sets the options; null means the defaults, with any free port.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>The collector; dispose it to stop the server.</returns>
    /// <exception cref="ArgumentException">An option is out of range; the message names it and the remedy.</exception>
    /// <exception cref="IOException">The port is in use.</exception>
    public static async Task<LangSmithCollector> StartAsync(
        Action<LangSmithCollectorOptions>? configure = null, CancellationToken cancellationToken = default)
    {
        var options = new LangSmithCollectorOptions();
        configure?.Invoke(options);
        var collector = new LangSmithCollector(options);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, options.Port);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.UseRouting();
        app.MapLangSmithCollector(collector);
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        collector._app = app;
        collector._endpoint = new Uri(app.Urls.First());
        return collector;
    }

    /// <summary>Makes a recorder that writes into this collector, without HTTP.</summary>
    /// <param name="service">The name of the service that records the runs, for the page.</param>
    /// <returns>The recorder; register it as <see cref="IRunRecorder"/>.</returns>
    /// <exception cref="ArgumentException"><paramref name="service"/> is blank.</exception>
    public IRunRecorder CreateRecorder(string service)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(service);
        return new CollectorRecorder(Store, service);
    }

    /// <summary>Waits until a number of runs have ended.</summary>
    /// <param name="count">The number of ended runs.</param>
    /// <param name="timeout">The longest wait; null means 10 seconds.</param>
    /// <exception cref="CollectorAssertionException">Fewer runs ended in time. The message shows the traces and problems.</exception>
    public async Task WaitForRunsAsync(int count, TimeSpan? timeout = null)
    {
        using var source = new CancellationTokenSource(timeout ?? TimeSpan.FromSeconds(10));
        try
        {
            while (true)
            {
                var version = Store.Version;
                if (Store.EndedCount >= count)
                    return;
                await Store.WhenChangedSince(version).WaitAsync(source.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            throw new CollectorAssertionException(Describe($"{Store.EndedCount} of {count} runs have ended."));
        }
    }

    /// <summary>Asserts that there is one trace and no problem.</summary>
    /// <returns>The trace.</returns>
    /// <exception cref="CollectorAssertionException">The assertion fails. The message shows the traces and problems.</exception>
    public CollectedTrace AssertOneTrace()
    {
        var traces = Traces;
        if (traces.Count != 1)
            throw new CollectorAssertionException(Describe($"There is not one trace, but {traces.Count}."));
        AssertNoProblems();
        return traces[0];
    }

    /// <summary>Asserts that <see cref="Problems"/> is empty.</summary>
    /// <exception cref="CollectorAssertionException">There is a problem. The message shows the problems and the traces.</exception>
    public void AssertNoProblems()
    {
        var count = Problems.Count;
        if (count > 0)
            throw new CollectorAssertionException(Describe($"There {(count == 1 ? "is a problem" : $"are {count} problems")}."));
    }

    /// <summary>Removes all traces and problems.</summary>
    public void Clear() => Store.Clear();

    /// <summary>Stops the server, if it was started. Traces and problems stay readable.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is not { } app)
            return;
        await app.StopAsync().ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
    }

    internal CollectorFault? GetFault(string method, string path) =>
        Fault?.Invoke(new CollectorRequest { Number = Interlocked.Increment(ref _requests), Method = method, Path = path });

    private string Describe(string what)
    {
        const int MaxItems = 20;
        var text = new StringBuilder(what).Append('\n');
        foreach (var problem in Problems.Take(MaxItems))
            text.Append("  ").Append(problem).Append('\n');
        foreach (var trace in Traces.Take(MaxItems))
            text.Append('\n').Append("trace ").Append(trace.Id).Append('\n').Append(trace);
        return text.ToString();
    }

    // The default lifetime handles Ctrl+C and SIGTERM: a program that waits for something else would no longer end.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
