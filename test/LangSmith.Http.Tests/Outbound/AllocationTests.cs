using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>
/// What the handler, runs and the codec allocate, counted to the byte: the difference to the same call without them.
/// </summary>
[TestFixture]
[NonParallelizable]
public class AllocationTests
{
    private const int Calls = 1000;

    private static readonly Uri Uri = new("https://answers.internal/ask");

    private readonly LangSmithTracer _tracer = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "answers" });

    [Test]
    public void Send_NoRun_AllocatesNothing([Values] bool isAsync, [Values] bool isFromContainer)
    {
        using var provider = Provider();
        using var plain = new HttpMessageInvoker(new StubPrimary());
        using var ours = new HttpMessageInvoker(isFromContainer ? FromContainer(provider) : new LangSmithPropagationHandler(new StubPrimary()));

        Assert.That(BytesPerCall(() => Send(ours, isAsync)), Is.EqualTo(BytesPerCall(() => Send(plain, isAsync))));
    }

    [Test]
    public void Send_ClearedOrSuppressedContextAboveSockets_AllocatesNothing([Values] bool isSuppressed)
    {
        using var scope = isSuppressed ? TracingContext.Suppress() : TracingContext.UseParent(null);
        using var plain = new HttpMessageInvoker(new StubAboveSockets(null));
        using var ours = new HttpMessageInvoker(new LangSmithPropagationHandler(Track(new StubAboveSockets(null))));

        Assert.That(BytesPerCall(() => Send(ours, isAsync: true)), Is.EqualTo(BytesPerCall(() => Send(plain, isAsync: true))));
    }

    [Test]
    public void Send_NoRunThroughFactory_AllocatesNothing([Values] bool isAsync)
    {
        using var provider = Provider();
        var factory = provider.GetRequiredService<IHttpMessageHandlerFactory>();
        using var plain = new HttpMessageInvoker(factory.CreateHandler("plain"), disposeHandler: false);
        using var ours = new HttpMessageInvoker(factory.CreateHandler("ours"), disposeHandler: false);

        Assert.That(BytesPerCall(() => Send(ours, isAsync)), Is.EqualTo(BytesPerCall(() => Send(plain, isAsync))));
    }

    [Test]
    public void Send_CurrentRunOnNonSocketPrimary_AllocatesWhatTwoHeadersDo([Values] bool isAsync, [Values] bool isFromContainer)
    {
        using var provider = Provider();
        using var scope = StartRun();
        using var plain = new HttpMessageInvoker(new StubPrimary());
        using var ours = new HttpMessageInvoker(isFromContainer ? FromContainer(provider) : new LangSmithPropagationHandler(new StubPrimary()));

        Assert.That(BytesPerCall(() => Send(ours, isAsync)), Is.EqualTo(BytesOfTwoHeaders(plain, scope.Run, isAsync)));
    }

    [Test]
    public void Send_CurrentRunWhereRedirectsAreFollowed_AllocatesAtMost240Bytes([Values] bool isAsync)
    {
        using var scope = StartRun();
        using var plain = new HttpMessageInvoker(new StubAboveSockets(null));
        using var ours = new HttpMessageInvoker(new LangSmithPropagationHandler(new StubAboveSockets(null)));

        var extra = BytesPerCall(() => Send(ours, isAsync)) - BytesOfTwoHeaders(plain, scope.Run, isAsync);

        // Zero would mean that the message is not tracked, and that this measures another path.
        Assert.That(extra, Is.InRange(1, 240));
    }

    [Test]
    public void Send_CurrentRunAndOneHopUnderActivity_AllocatesAtMost240Bytes([Values] bool isAsync)
    {
        using var scope = StartRun();
        using var activity = new Activity("request").Start();
        var propagator = DistributedContextPropagator.CreateW3CPropagator();
        using var plain = new HttpMessageInvoker(new StubAboveSockets(propagator));
        using var ours = new HttpMessageInvoker(new LangSmithPropagationHandler(
            Track(new StubAboveSockets(new RedirectAwarePropagator(new SentBaggage(propagator), new ClientPropagation(PropagationPolicy.Default))))));

        var extra = BytesPerCall(() => Send(ours, isAsync)) - BytesOfTwoHeaders(plain, scope.Run, isAsync);

        Assert.That(extra, Is.InRange(1, 240));
    }

    [Test]
    public void SendAsync_ResponseIsNotThereYet_AllocatesAtMost200Bytes([Values] bool hasRun)
    {
        using var scope = hasRun ? StartRun() : null;
        var plainStub = new PendingPrimary();
        var oursStub = new PendingPrimary();
        using var plain = new HttpMessageInvoker(plainStub);
        using var ours = new HttpMessageInvoker(new LangSmithPropagationHandler(oursStub));
        var headers = scope?.Run.ToHeaders();

        var floor = BytesPerCall(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Uri);
            if (headers is not null)
            {
                request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, headers[RunContext.TraceHeaderName]);
                request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, headers[RunContext.BaggageHeaderName]);
            }

            plainStub.Complete(plain.SendAsync(request, CancellationToken.None));
        });
        var extra = BytesPerCall(() => oursStub.Complete(ours.SendAsync(new HttpRequestMessage(HttpMethod.Get, Uri), CancellationToken.None))) - floor;

        TestContext.Out.WriteLine($"{extra} bytes");
        Assert.That(extra, hasRun ? Is.InRange(1, 200) : Is.Zero);
    }

    [Test]
    public void StartRun_NotRecorded_AllocatesNothing([Values("no recorder", "not tracing", "off")] string reason)
    {
        IRunRecorder? recorder = reason == "no recorder" ? null : new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = reason != "not tracing", Enabled = reason != "off" });

        Assert.That(BytesPerCall(() => tracer.StartRun("ask").Dispose()), Is.Zero);
    }

    [Test]
    public void StartRun_BelowRunThatIsNotSampled_AllocatesNothing()
    {
        var tracer = new LangSmithTracer(new RefusingRecorder(), new LangSmithOptions { Tracing = true });
        using var root = tracer.StartRun("ask");

        Assert.That(BytesPerCall(() => tracer.StartRun("step").Dispose()), Is.Zero);
    }

    [Test]
    public void FromHeaders_MetadataNotRead_AllocatesAtMost1KB()
    {
        Dictionary<string, string> headers;
        using (StartRun())
        using (_tracer.StartRun("2"))
        using (_tracer.StartRun("3"))
        using (_tracer.StartRun("4"))
        using (var fifth = _tracer.StartRun("5"))
            headers = new Dictionary<string, string>(fifth.Run.ToHeaders());

        var bytes = BytesPerCall(() => RunContext.FromHeaders(headers));

        Assert.That(RunContext.FromHeaders(headers)!.Metadata, Has.Count.EqualTo(5));
        Assert.That(headers[RunContext.TraceHeaderName].Split('.'), Has.Length.EqualTo(5));
        Assert.That(bytes, Is.InRange(1, 1024));
    }

    // The tracking handler as it stands above sockets that follow redirects.
    private static RedirectTrackingHandler Track(StubAboveSockets stub)
    {
        var client = new ClientPropagation(PropagationPolicy.Default);
        using var sockets = new LangSmithPropagationHandler(new SocketsHttpHandler());
        return new RedirectTrackingHandler(stub, TransportInfo.Install(sockets, client), client);
    }

    private static long BytesOfTwoHeaders(HttpMessageInvoker invoker, RunTree run, bool isAsync)
    {
        var headers = run.ToHeaders();
        var trace = headers[RunContext.TraceHeaderName];
        var baggage = headers[RunContext.BaggageHeaderName];
        return BytesPerCall(() =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, Uri);
            request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, trace);
            request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, baggage);
            Send(invoker, request, isAsync);
        });
    }

    private static long BytesPerCall(Action call)
    {
        // Caches are filled and static constructors run in the first calls.
        for (var i = 0; i < Calls; i++)
            call();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Calls; i++)
            call();
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.That(bytes % Calls, Is.Zero, "Some calls allocate and others do not.");
        return bytes / Calls;
    }

    private static void Send(HttpMessageInvoker invoker, bool isAsync) => Send(invoker, new HttpRequestMessage(HttpMethod.Get, Uri), isAsync);

    private static void Send(HttpMessageInvoker invoker, HttpRequestMessage request, bool isAsync)
    {
        if (!isAsync)
            invoker.Send(request, CancellationToken.None);
        else if (!invoker.SendAsync(request, CancellationToken.None).IsCompletedSuccessfully)
            throw new InvalidOperationException("The rest runs, and allocates, on another thread.");
    }

    private static ServiceProvider Provider()
    {
        var services = new ServiceCollection();
        services.AddLogging(static logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(new InformationLogger()));
        services.AddLangSmith();
        services.AddHttpClient("plain").ConfigurePrimaryHttpMessageHandler(static () => new StubPrimary());
        services.AddHttpClient("ours").ConfigurePrimaryHttpMessageHandler(static () => new StubPrimary())
            .AddHttpMessageHandler<LangSmithPropagationHandler>();
        return services.BuildServiceProvider();
    }

    private static LangSmithPropagationHandler FromContainer(ServiceProvider provider)
    {
        var handler = provider.GetRequiredService<LangSmithPropagationHandler>();
        handler.InnerHandler = new StubPrimary();
        return handler;
    }

    private RunScope StartRun() => _tracer.StartRun("ask", options: new RunOptions
    {
        Metadata = new Dictionary<string, object?> { ["user_id"] = "u-1", ["thread_id"] = "t-1", ["model"] = "m", ["attempt"] = 1, ["is_batch"] = false },
    });

    private sealed class StubPrimary : HttpMessageHandler
    {
        private static readonly HttpResponseMessage Response = new(HttpStatusCode.OK);
        private static readonly Task<HttpResponseMessage> Completed = Task.FromResult(Response);

        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => Response;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Completed;
    }

    /// <summary>Answers after the call has returned, on the same thread.</summary>
    private sealed class PendingPrimary : HttpMessageHandler
    {
        private static readonly HttpResponseMessage Response = new(HttpStatusCode.OK);
        private TaskCompletionSource<HttpResponseMessage> _pending = new();

        public void Complete(Task<HttpResponseMessage> sending)
        {
            if (sending.IsCompleted)
                throw new InvalidOperationException("Nothing is pending.");
            // NUnit's context would send the continuation to another thread.
            SynchronizationContext.SetSynchronizationContext(null);
            _pending.SetResult(Response);
            if (!sending.IsCompletedSuccessfully)
                throw new InvalidOperationException("The rest runs, and allocates, on another thread.");
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            _pending = new TaskCompletionSource<HttpResponseMessage>();
            return _pending.Task;
        }
    }

    /// <summary>Answers instead of the sockets below it, which our handler finds, and calls a propagator as the runtime does.</summary>
    private sealed class StubAboveSockets(DistributedContextPropagator? propagator) : DelegatingHandler(new SocketsHttpHandler())
    {
        private readonly HttpMessageInvoker _stub = new(new StubPrimary());

        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            propagator?.Inject(Activity.Current, request, SetHeader);
            return _stub.Send(request, cancellationToken);
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            propagator?.Inject(Activity.Current, request, SetHeader);
            return _stub.SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _stub.Dispose();
            base.Dispose(disposing);
        }

        private static void SetHeader(object? carrier, string name, string value) =>
            ((HttpRequestMessage)carrier!).Headers.TryAddWithoutValidation(name, value);
    }

    private sealed class RefusingRecorder : IRunRecorder
    {
        public bool ShouldRecord(Guid traceId) => false;

        public void OnStart(RunSnapshot run)
        {
        }

        public void OnEnd(RunSnapshot run)
        {
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
