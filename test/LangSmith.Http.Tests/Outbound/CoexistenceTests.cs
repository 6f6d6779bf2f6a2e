using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace LangSmith.Http.Tests;

/// <summary>Others who watch or trace the same requests: OpenTelemetry, diagnostic subscribers, meters, loggers, and what callers put into activities.</summary>
public sealed class CoexistenceTests : TwoOrigins
{
    [Test]
    public async Task Send_RealOpenTelemetryBaggage_BothArrive()
    {
        // What OpenTelemetry.Instrumentation.Http does when a request starts, with the real propagators and Baggage.Current.
        Sdk.SetDefaultTextMapPropagator(new CompositeTextMapPropagator([new TraceContextPropagator(), new BaggagePropagator()]));
        Baggage.SetBaggage("tenant", "7");
        using var activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(activities);
        using var subscription = new OnRequestStart(static request => Propagators.DefaultTextMapPropagator.Inject(
            new PropagationContext(Activity.Current!.Context, Baggage.Current),
            request,
            static (message, name, value) =>
            {
                message.Headers.Remove(name);
                message.Headers.Add(name, value);
            }));
        try
        {
            using var scope = Tracer.StartRun("ask");
            var received = await SendAsync(new RetryHandler { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) }, "/unavailable");
            Assert.That(received, Has.Length.EqualTo(3));
            Assert.That(received.Select(static request => request["baggage"].ToArray()), Has.All.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
            Assert.That(received.Select(static request => request["traceparent"].Count), Has.All.EqualTo(1));
        }
        finally
        {
            Baggage.ClearBaggage();
        }
    }

    [Test]
    public async Task Send_RefusedMessageUnderOpenTelemetry_CarriesNoOutsidersMember([Values] bool redirects, [Values] bool isOff)
    {
        Sdk.SetDefaultTextMapPropagator(new CompositeTextMapPropagator([new TraceContextPropagator(), new BaggagePropagator()]));
        Baggage.SetBaggage("langsmith-project", "outsider");
        using var activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(activities);
        using var subscription = new OnRequestStart(static request => Propagators.DefaultTextMapPropagator.Inject(
            new PropagationContext(Activity.Current!.Context, Baggage.Current),
            request,
            static (message, name, value) =>
            {
                message.Headers.Remove(name);
                message.Headers.Add(name, value);
            }));
        try
        {
            using var scope = Tracer.StartRun("ask");
            using var off = isOff ? TracingContext.With(enabled: false) : null;
            var options = new LangSmithPropagationOptions();
            if (!isOff)
                options.Targets.Add("https://elsewhere.example");
            using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = redirects }, options);
            var received = await SendAsync(handler, "/redirect-other");
            Assert.That(received, Has.Length.EqualTo(redirects ? 2 : 1));
            Assert.That(received.Select(static request => request["baggage"].ToString()), Has.None.Contains("langsmith-"));
            Assert.That(received.Select(static request => request["traceparent"].Count), Has.All.EqualTo(1));
        }
        finally
        {
            Baggage.ClearBaggage();
        }
    }

    [Test]
    public async Task Send_SomebodyElseWantsTheActivity_ItsTraceparentIsSent()
    {
        using var none = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(none);
        using var scope = Tracer.StartRun("ask");
        var alone = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        using var subscriber = new OnRequestStart(static _ => { });
        var together = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        Assert.That(alone.Single()["traceparent"], Is.Empty, "the activity is only there for us");
        Assert.That(together.Single()["traceparent"], Has.Count.EqualTo(1), "the activity is the subscriber's");
        Assert.That(together.Single()["langsmith-trace"], Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Send_UnderAListener_TheRuntimesListenerHasNoSubscriberAfterwards([Values] bool fails)
    {
        using var none = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(none);
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());
        var closed = new Uri("http://127.0.0.1:1");
        if (fails)
            Assert.That(async () => await SendAsync(handler, "/", closed), Throws.TypeOf<HttpRequestException>());
        else
            await SendAsync(handler, "/redirect-other");

        // A subscriber would be asked about the requests of every client of the process.
        using var listeners = new ListenerSearch();
        Assert.That(listeners.Found, Is.Not.Null);
        Assert.That(listeners.Found!.IsEnabled(), Is.False);
    }

    [Test]
    public async Task Send_CopyOfOneOfTwoRedirectedMessages_CarriesNothingToWhereItWasRedirected()
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var invoker = new HttpMessageInvoker(handler);
        using var first = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, "/redirect-other?case=two-redirects"));
        using var second = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, "/redirect-third?case=two-redirects"));
        (await invoker.SendAsync(first, default)).Dispose();
        (await invoker.SendAsync(second, default)).Dispose();

        using var copy = CopyingHandler.Copy(first, new Uri(Other.Origin, "/ok?case=two-redirects"), withOptions: false);
        (await invoker.SendAsync(copy, default)).Dispose();

        Assert.That(Other.Received("two-redirects").Single()["langsmith-trace"].Count, Is.Zero);
    }

    [Test]
    public async Task Send_ObserverWantsEverySecondRequest_NothingFollowsARedirect([Values] bool isAsync)
    {
        using var observer = new EverySecond();
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());

        for (var i = 0; i < 10; i++)
        {
            var received = await SendAsync(handler, "/redirect-other", isAsync: isAsync);
            Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        }
    }

    [Test]
    public async Task Send_ObserverHasAPredicate_ItIsAskedAsOftenAsWithoutUs(
        [Values] bool redirects, [Values] bool isAsync, [Values("/ok", "/away-and-back")] string path)
    {
        using var observer = new EverySecond();
        using var plain = new SocketsHttpHandler { AllowAutoRedirect = redirects };
        await SendAsync(plain, path, isAsync: isAsync);
        var alone = observer.TimesAsked;
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = redirects });

        await SendAsync(handler, path, isAsync: isAsync);

        Assert.That(observer.TimesAsked - alone, Is.EqualTo(alone));
    }

    [Test]
    public async Task Send_HandlerBelowWasInUse_ARedirectFollowedAboveCarriesNothing([Values] Follow follow, [Values] bool isAsync)
    {
        if (follow is Follow.NewMessage)
            return;
        var shared = new RetryHandler { InnerHandler = new SocketsHttpHandler { AllowAutoRedirect = false } };
        await SendAsync(shared, "/ok");
        using var scope = Tracer.StartRun("ask");
        using var chain = new RedirectingHandler(follow) { InnerHandler = new LangSmithPropagationHandler(shared) };

        var received = await SendAsync(chain, "/redirect-other", isAsync: isAsync);

        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public async Task Send_PassThroughPropagator_SendsWhatTheRootHas([Values] bool redirects)
    {
        using var root = new Activity("root").Start();
        root.AddBaggage("tenant", "7");
        using var child = new Activity("child").Start();
        child.AddBaggage("secret", "s");
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler
        {
            ActivityHeadersPropagator = DistributedContextPropagator.CreatePassThroughPropagator(),
            AllowAutoRedirect = redirects,
        });

        var received = await SendAsync(handler, "/ok");

        Assert.That(received.Single()["baggage"].ToString(), Is.EqualTo("langsmith-project=own,tenant=7"));
    }

    [Test]
    public async Task Send_PropagatorOfTheApplication_ItsMembersArriveAndNoOthers([Values] bool redirects, [Values] bool isAsync)
    {
        using var activity = new Activity("request").Start();
        activity.AddBaggage("secret", "s").AddBaggage("tenant", "seven");
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(
            new SocketsHttpHandler { ActivityHeadersPropagator = new TenantOnly(), AllowAutoRedirect = redirects });

        var received = await SendAsync(handler, redirects ? "/away-and-back" : "/ok", isAsync: isAsync);

        Assert.That(
            received.Select(static request => request["baggage"].ToString()),
            Is.EquivalentTo(redirects
                ? new[] { "langsmith-project=own,tenant=***;ttl=60", "langsmith-project=own,tenant=***;ttl=60", "tenant=***;ttl=60" }
                : ["langsmith-project=own,tenant=***;ttl=60"]));
    }

    [TestCase(2000, 1)]
    [TestCase(40, 1024)]
    public async Task Send_ActivityBaggageFilledByACaller_IsBoundedAsTheRuntimesOwnIs(int members, int length)
    {
        using var activity = new Activity("request").Start();
        for (var i = 0; i < members; i++)
            activity.AddBaggage($"k{i}", new string('v', length));
        using var scope = Tracer.StartRun("ask");
        using var counts = new Counts();
        var received = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        var line = received.Single()["baggage"].Single()!;
        Assert.That(line, Has.Length.LessThanOrEqualTo(8192));
        Assert.That(line.Split(','), Has.Length.InRange(2, 65).And.All.Matches<string>(member => !member.StartsWith('k') || member.Length >= length + 3));
        Assert.That(counts["langsmith.http.outbound.over_budget:activity_baggage"], Is.EqualTo(1));
    }

    [Test]
    public async Task Send_ListenerOfTheMeterThrows_TheRequestDoesNot()
    {
        using var listener = new System.Diagnostics.Metrics.MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == "LangSmith.Http")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => throw new InvalidOperationException("listener"));
        listener.Start();
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/redirect-other");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public async Task Send_FactoryAtTraceLevel_NothingOfOursLogsAValue()
    {
        using var lines = new LogLines();
        var services = new ServiceCollection().AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(lines)).AddLangSmith();
        services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>();
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var scope = Tracer.StartRun("ask");
        scope.Run.AddMetadata("user", "SECRET");
        using (await http.GetAsync(new Uri(First.Origin, "/ok?case=logs")))
        {
        }

        Assert.That(lines.Ours.Select(static line => line.Text), Is.EqualTo(new[]
        {
            "HttpClient 'answers' sends LangSmith headers (run ids, project, metadata) to every host it calls. "
                + "Use Targets on clients that leave your network.",
            $"LangSmith headers for GET http://127.0.0.1:{First.Origin.Port}: injected",
        }));
    }

    /// <summary>Finds the runtime's listener without subscribing to it.</summary>
    private sealed class ListenerSearch : IObserver<DiagnosticListener>, IDisposable
    {
        private readonly IDisposable _search;

        internal ListenerSearch() => _search = DiagnosticListener.AllListeners.Subscribe(this);

        internal DiagnosticListener? Found { get; private set; }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                Found = value;
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose() => _search.Dispose();
    }

    private sealed class OnRequestStart : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly Action<HttpRequestMessage> _act;
        private readonly List<IDisposable> _subscriptions = [];

        public OnRequestStart(Action<HttpRequestMessage> act)
        {
            _act = act;
            _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
        }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                _subscriptions.Add(value.Subscribe(this));
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Key == "System.Net.Http.HttpRequestOut.Start")
                _act((HttpRequestMessage)value.Value!.GetType().GetProperty("Request")!.GetValue(value.Value)!);
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose() => _subscriptions.ForEach(static subscription => subscription.Dispose());
    }

    private sealed class TenantOnly : DistributedContextPropagator
    {
        public override IReadOnlyCollection<string> Fields => ["traceparent", "baggage"];

        public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
        {
            // The runtime gives it a message.
            var message = (HttpRequestMessage)carrier!;
            setter?.Invoke(carrier, "Correlation-Context", "other=1");
            if (message.RequestUri!.IsLoopback && activity?.GetBaggageItem("tenant") is not null)
                setter?.Invoke(carrier, "baggage", "tenant=***;ttl=60");
        }

        public override void ExtractTraceIdAndState(
            object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) => (traceId,
            traceState) = (null, null);

        public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
            null;
    }

    private sealed class EverySecond : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly List<IDisposable> _subscriptions = [];
        private int _asked;

        public int TimesAsked => _asked;

        public EverySecond() => _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                _subscriptions.Add(value.Subscribe(this, (_, request, _) => request is not null && Interlocked.Increment(ref _asked) % 2 == 1));
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose() => _subscriptions.ForEach(static subscription => subscription.Dispose());
    }
}
