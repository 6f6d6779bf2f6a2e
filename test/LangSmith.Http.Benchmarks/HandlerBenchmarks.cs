using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace LangSmith.Http.Benchmarks;

/// <summary>The handler where redirects are off, or the primary handler is no socket.</summary>
public class HandlerBenchmarks
{
    private readonly PendingPrimary _pending = new();
    private HttpMessageInvoker _invoker = null!;
    private string _trace = null!;
    private string _baggage = null!;

    [GlobalSetup(Targets = [nameof(NoHandler), nameof(Floor)])]
    public void SetUpNoHandler()
    {
        SetStrings();
        _invoker = new HttpMessageInvoker(new StubPrimary());
    }

    [GlobalSetup(Target = nameof(NoRun))]
    public void SetUpNoRun() => _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new StubPrimary()));

    [GlobalSetup(Target = nameof(CurrentRun))]
    public void SetUpCurrentRun()
    {
        Samples.EnterRun();
        SetUpNoRun();
    }

    [GlobalSetup(Target = nameof(FloorPending))]
    public void SetUpFloorPending()
    {
        SetStrings();
        _invoker = new HttpMessageInvoker(_pending);
    }

    [GlobalSetup(Target = nameof(CurrentRunPending))]
    public void SetUpCurrentRunPending()
    {
        Samples.EnterRun();
        _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(_pending));
    }

    [GlobalSetup(Target = nameof(HandWritten))]
    public void SetUpHandWritten()
    {
        Samples.EnterRun();
        _invoker = new HttpMessageInvoker(new ToHeadersHandler());
    }

    [GlobalSetup(Target = nameof(HandWrittenPrecomputed))]
    public void SetUpHandWrittenPrecomputed()
    {
        SetStrings();
        _invoker = new HttpMessageInvoker(new StringsHandler(_trace, _baggage));
    }

    [GlobalSetup(Target = nameof(NoRunFromContainer))]
    public void SetUpNoRunFromContainer()
    {
        var services = new ServiceCollection();
        services.AddLangSmith();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(new InformationLogger()));
        var handler = services.BuildServiceProvider().GetRequiredService<LangSmithPropagationHandler>();
        handler.InnerHandler = new StubPrimary();
        _invoker = new HttpMessageInvoker(handler);
    }

    [GlobalSetup(Target = nameof(OpenTelemetryComposite))]
    public void SetUpOpenTelemetry() => _invoker = new HttpMessageInvoker(new OpenTelemetryHandler(
        static (request, name, value) => request.Headers.TryAddWithoutValidation(name, value)));

    // The setter of its HttpClient instrumentation.
    [GlobalSetup(Target = nameof(OpenTelemetryInstrumentation))]
    public void SetUpOpenTelemetryInstrumentation() => _invoker = new HttpMessageInvoker(new OpenTelemetryHandler(
        static (request, name, value) =>
        {
            request.Headers.Remove(name);
            request.Headers.Add(name, value);
        }));

    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> Floor()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Samples.Uri);
        request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, _trace);
        request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, _baggage);
        return _invoker.SendAsync(request, CancellationToken.None);
    }

    [Benchmark(Description = "no handler")]
    public Task<HttpResponseMessage> NoHandler() => Send();

    [Benchmark(Description = "our handler, no run")]
    public Task<HttpResponseMessage> NoRun() => Send();

    [Benchmark(Description = "our handler from a container, no run")]
    public Task<HttpResponseMessage> NoRunFromContainer() => Send();

    [Benchmark(Description = "our handler, current run")]
    public Task<HttpResponseMessage> CurrentRun() => Send();

    [Benchmark(Description = "floor, the response comes later")]
    public Task<HttpResponseMessage> FloorPending()
    {
        var sending = Floor();
        _pending.Complete();
        return sending;
    }

    [Benchmark(Description = "our handler, current run, the response comes later")]
    public Task<HttpResponseMessage> CurrentRunPending()
    {
        var sending = Send();
        _pending.Complete();
        return sending;
    }

    [Benchmark(Description = "hand-written, ToHeaders()")]
    public Task<HttpResponseMessage> HandWritten() => Send();

    [Benchmark(Description = "hand-written, two strings")]
    public Task<HttpResponseMessage> HandWrittenPrecomputed() => Send();

    [Benchmark(Description = "OpenTelemetry composite propagator, TryAddWithoutValidation")]
    public Task<HttpResponseMessage> OpenTelemetryComposite() => Send();

    [Benchmark(Description = "OpenTelemetry composite propagator, Remove + Add")]
    public Task<HttpResponseMessage> OpenTelemetryInstrumentation() => Send();

    private Task<HttpResponseMessage> Send() =>
        _invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, Samples.Uri), CancellationToken.None);

    private void SetStrings()
    {
        var headers = Samples.EnterRun().ToHeaders();
        _trace = headers[RunContext.TraceHeaderName];
        _baggage = headers[RunContext.BaggageHeaderName];
    }

    private sealed class ToHeadersHandler() : DelegatingHandler(new StubPrimary())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            foreach (var (name, value) in RunTree.Current!.ToHeaders())
                request.Headers.TryAddWithoutValidation(name, value);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class StringsHandler(string trace, string baggage) : DelegatingHandler(new StubPrimary())
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, trace);
            request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, baggage);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class OpenTelemetryHandler(Action<HttpRequestMessage, string, string> setter) : DelegatingHandler(new StubPrimary())
    {
        private static readonly CompositeTextMapPropagator Propagator = new([new TraceContextPropagator(), new BaggagePropagator()]);

        private readonly PropagationContext _context = new(
            new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded),
            Baggage.Create(new Dictionary<string, string>
            {
                ["user_id"] = "u-12345",
                ["thread_id"] = "5f1c0f6e-2a52-4b3f-9c57-0d1c1f7a2b11",
                ["project"] = "answers",
            }));

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Propagator.Inject(_context, request, setter);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class InformationLogger : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }
}
