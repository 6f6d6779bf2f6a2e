using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace LangSmith.Http.Tests;

/// <summary>What the matrix of ways does not reach: unusual primaries, other handlers, what the wire looks like byte by byte.</summary>
[NonParallelizable] // Activity and diagnostic listeners are the process's.
public sealed class SocketsTests
{
    private readonly LangSmithTracer _tracer = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });
    private OriginServer _first = null!;
    private OriginServer _other = null!;
    private int _cases;

    [OneTimeSetUp]
    public async Task StartServers()
    {
        _other = await OriginServer.StartAsync(Respond);
        _first = await OriginServer.StartAsync(Respond);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        await _first.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Test]
    public async Task Send_Http11_NamesAreLowerCaseOnTheWire()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var served = Task.Run(async () =>
        {
            using var connection = await listener.AcceptTcpClientAsync();
            var buffer = new byte[8192];
            var length = await connection.GetStream().ReadAsync(buffer);
            await connection.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            return Encoding.ASCII.GetString(buffer, 0, length);
        });
        using var http = new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler()));
        using var scope = _tracer.StartRun("ask");
        scope.Run.AddMetadata("evil", "a\r\nX-Evil: 1\0é");

        using var response = await http.GetAsync(new Uri($"http://{listener.LocalEndpoint}/"));

        var head = await served;
        Assert.That(head, Does.Contain($"\r\nlangsmith-trace: {scope.Run.DottedOrder}\r\n"));
        Assert.That(head, Does.Contain("\r\nbaggage: langsmith-metadata="));
        Assert.That(head, Does.Not.Contain("X-Evil: 1"));
    }

    [Test]
    public async Task Send_PropagatorIsNull_StaysNullAndTargetsDecide()
    {
        // Somebody's opt-out: nothing is wrapped, hops cannot be seen.
        using var primary = new SocketsHttpHandler { ActivityHeadersPropagator = null };
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");
        using var scope = _tracer.StartRun("ask");

        var open = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        Assert.That(open.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own" }), "the activity's baggage stays home");
        Assert.That(primary.ActivityHeadersPropagator, Is.Null);

        using var counts = new Counts();
        using var second = new SocketsHttpHandler { ActivityHeadersPropagator = null };
        var narrowed = await SendAsync(new LangSmithPropagationHandler(second, Targets(_first)), "/ok");
        Assert.That(narrowed.Single()["langsmith-trace"], Is.Empty);
        Assert.That(counts["langsmith.http.outbound:redirects_unseen"], Is.EqualTo(1));

        using var third = new SocketsHttpHandler { ActivityHeadersPropagator = null, AllowAutoRedirect = false };
        var noRedirects = await SendAsync(new LangSmithPropagationHandler(third, Targets(_first)), "/ok");
        Assert.That(noRedirects.Single()["langsmith-trace"], Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Send_HttpClientHandler_HeadersArriveAndTargetsWithRedirectsSendNothing()
    {
        using var scope = _tracer.StartRun("ask");
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");

        using var primary = new HttpClientHandler();
        var open = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        Assert.That(open.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));

        using var narrowedPrimary = new HttpClientHandler();
        var narrowed = await SendAsync(new LangSmithPropagationHandler(narrowedPrimary, Targets(_first)), "/ok");
        Assert.That(narrowed.Single()["langsmith-trace"], Is.Empty);

        using var noRedirects = new HttpClientHandler { AllowAutoRedirect = false };
        var safe = await SendAsync(new LangSmithPropagationHandler(noRedirects, Targets(_first)), "/ok");
        Assert.That(safe.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
    }

    [Test]
    public async Task Send_PrimaryAlreadyUsed_RequestsGoOnAndHeadersArrive()
    {
        using var shared = new SocketsHttpHandler();
        using var before = new HttpMessageInvoker(shared, disposeHandler: false);
        using var warmUp = new HttpRequestMessage(HttpMethod.Get, new Uri(_first.Origin, "/ok?case=warm-up"));
        using (await before.SendAsync(warmUp, default))
        {
        }

        using var scope = _tracer.StartRun("ask");
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");
        var received = await SendAsync(new LangSmithPropagationHandler(shared), "/ok");
        Assert.That(received.Single()["langsmith-trace"].ToArray(), Is.EqualTo(new[] { scope.Run.DottedOrder }));
        Assert.That(received.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
    }

    [Test]
    public async Task Send_PrimaryIsSharedByTwoClients_EachGoesByItsOwnTargets()
    {
        using var shared = new SocketsHttpHandler();
        var open = new LangSmithPropagationHandler(shared, Targets(_first, _other));
        var narrow = new LangSmithPropagationHandler(shared, Targets(_first));
        using var scope = _tracer.StartRun("ask");
        for (var round = 0; round < 2; round++)
        {
            var followed = await SendAsync(open, "/redirect-other");
            Assert.That(followed.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 1 }));
            var stopped = await SendAsync(narrow, "/redirect-other");
            Assert.That(stopped.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Send_HandlerBelowRewritesTheHost_AsServiceDiscoveryDoes_HeadersArriveOnEveryAttempt(bool isInsideRetry)
    {
        // answers.internal is one instance first and another on the retry; both are where the client meant to go.
        var instances = new Queue<Uri>([_first.Origin, _other.Origin, _first.Origin]);
        var discovery = new DiscoveryHandler(() => instances.Dequeue()) { InnerHandler = new SocketsHttpHandler() };
        HttpMessageHandler chain = isInsideRetry
            ? new LangSmithPropagationHandler(new RetryHandler { InnerHandler = discovery })
            : new RetryHandler { InnerHandler = new LangSmithPropagationHandler(discovery) };
        using var scope = _tracer.StartRun("ask");

        var received = await SendAsync(chain, "/unavailable", new Uri("http://answers.internal"));

        Assert.That(received, Has.Length.EqualTo(3));
        Assert.That(received.Select(static request => request["langsmith-trace"].ToString()), Has.All.EqualTo(scope.Run.DottedOrder));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Has.All.EqualTo("langsmith-project=own"));
    }

    [Test]
    public async Task Send_DiscoveryAboveTheHandler_HeadersArriveOnEveryAttempt()
    {
        var instances = new Queue<Uri>([_first.Origin, _other.Origin, _first.Origin]);
        var discovery = new DiscoveryHandler(() => instances.Dequeue()) { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) };
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new RetryHandler { InnerHandler = discovery }, "/unavailable", new Uri("http://answers.internal"));
        Assert.That(received.Select(static request => request["langsmith-trace"].ToString()), Is.EqualTo(Enumerable.Repeat(scope.Run.DottedOrder, 3)));
    }

    [Test]
    public async Task Send_RetryAtTheOtherOriginWithAnotherQuery_StillGetsNothing()
    {
        using var scope = _tracer.StartRun("ask");
        var retry = new ChangingRetryHandler { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) };
        var received = await SendAsync(retry, "/redirect-other-unavailable");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0, 0 }));
        Assert.That(received.Select(static request => request["baggage"].Count), Is.EqualTo(new[] { 1, 0, 0 }));
    }

    [Test]
    public async Task Send_RetryBelowClonesTheMessageWithoutItsOptions_RedirectsAreStillJudged()
    {
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new CloningHandler { InnerHandler = new SocketsHttpHandler() }), "/redirect-other");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        Assert.That(received.Select(static request => request["baggage"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Send_ActivityStartedBelowTheHandler_ItsBaggageArrivesToo(bool followsRedirects)
    {
        using var scope = _tracer.StartRun("ask");
        var below = new ActivityHandler { InnerHandler = new SocketsHttpHandler { AllowAutoRedirect = followsRedirects } };
        var received = await SendAsync(new LangSmithPropagationHandler(below), "/ok");
        Assert.That(received.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
    }

    [TestCase(2000, 1)]
    [TestCase(40, 1024)]
    public async Task Send_ActivityBaggageFilledByACaller_IsBoundedAsTheRuntimesOwnIs(int members, int length)
    {
        using var activity = new Activity("request").Start();
        for (var i = 0; i < members; i++)
            activity.AddBaggage($"k{i}", new string('v', length));
        using var scope = _tracer.StartRun("ask");
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
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/redirect-other");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public async Task Send_RedirectAwayAndBack_HeadersAreThereAgain()
    {
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/away-and-back");
        Assert.That(received.Select(static request => (request.Path, request["langsmith-trace"].Count, request["baggage"].ToString())), Is.EquivalentTo(new[]
        {
            ("/away-and-back", 1, "langsmith-project=own"),
            ("/back", 0, ""),
            ("/ok", 1, "langsmith-project=own"),
        }));
    }

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
            using var scope = _tracer.StartRun("ask");
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

    [TestCase("legacy")]
    [TestCase("pass-through")]
    [TestCase("no-output")]
    public async Task Send_OtherPropagators_OurBytesAreTheSameAndTheirDecisionStands(string which)
    {
        using var primary = new SocketsHttpHandler
        {
            ActivityHeadersPropagator = which switch
            {
                "legacy" => DistributedContextPropagator.CreateDefaultPropagator(),
                "pass-through" => DistributedContextPropagator.CreatePassThroughPropagator(),
                _ => DistributedContextPropagator.CreateNoOutputPropagator(),
            },
        };
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        var expected = which == "no-output" ? "langsmith-project=own" : "langsmith-project=own,tenant=7";
        Assert.That(received.Single()["baggage"].ToArray(), Is.EqualTo(new[] { expected }));
    }

    [Test]
    public async Task Send_NoRunButActivityBaggage_TheRuntimeDoesWhatItAlwaysDoes()
    {
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");
        var plain = await SendAsync(new SocketsHttpHandler(), "/ok");
        var ours = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        Assert.That(ours.Single()["baggage"].ToArray(), Is.EqualTo(plain.Single()["baggage"].ToArray()));
        Assert.That(ours.Single()["Correlation-Context"].ToArray(), Is.EqualTo(plain.Single()["Correlation-Context"].ToArray()));
    }

    [Test]
    public async Task Send_PrivateActivity_IsNeverSeenByOtherCallsOrListeners()
    {
        var started = new List<string>();
        using var activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "MyApp",
            ActivityStarted = activity => started.Add(activity.OperationName),
        };
        ActivitySource.AddActivityListener(activities);
        Activity? seen = null;
        // A handler above the primary one that calls somebody else, as those that fetch tokens do.
        var other = new CallOtherHandler(() => SendAsync(new SocketsHttpHandler(), "/ok"), () => seen = Activity.Current)
        {
            InnerHandler = new SocketsHttpHandler(),
        };
        using var scope = _tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(other), "/ok");
        Assert.That(received.Single()["traceparent"], Is.Empty);
        Assert.That(other.Received.Single()["traceparent"], Is.Empty);
        Assert.That(seen, Is.Null);
        Assert.That(started, Is.Empty);
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
        using var scope = _tracer.StartRun("ask");
        var alone = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        using var subscriber = new OnRequestStart(static _ => { });
        var together = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/ok");
        Assert.That(alone.Single()["traceparent"], Is.Empty, "the activity is only there for us");
        Assert.That(together.Single()["traceparent"], Has.Count.EqualTo(1), "the activity is the subscriber's");
        Assert.That(together.Single()["langsmith-trace"], Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Send_FactoryAtTraceLevel_NothingOfOursLogsAValue()
    {
        using var lines = new LogLines();
        var services = new ServiceCollection().AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(lines)).AddLangSmith();
        services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>();
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var scope = _tracer.StartRun("ask");
        scope.Run.AddMetadata("user", "SECRET");
        using (await http.GetAsync(new Uri(_first.Origin, "/ok?case=logs")))
        {
        }

        Assert.That(lines.Ours.Select(static line => line.Text), Is.EqualTo(new[] { $"LangSmith headers for GET http://127.0.0.1:{_first.Origin.Port}: injected" }));
    }

    private static LangSmithPropagationOptions Targets(params OriginServer[] servers)
    {
        var options = new LangSmithPropagationOptions();
        foreach (var server in servers)
            options.Targets.Add(server.Origin.GetLeftPart(UriPartial.Authority));
        return options;
    }

    private async Task<ReceivedRequest[]> SendAsync(HttpMessageHandler handler, string path, Uri? origin = null)
    {
        var caseId = $"{Interlocked.Increment(ref _cases)}";
        using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(origin ?? _first.Origin, $"{path}?case={caseId}"));
        using var response = await invoker.SendAsync(request, default);
        return [.. _first.Received(caseId), .. _other.Received(caseId)];
    }

    private Task Respond(HttpContext context, IReadOnlyCollection<ReceivedRequest> received)
    {
        var (status, to) = context.Request.Path.Value switch
        {
            "/unavailable" => (503, null),
            "/redirect-other" => (307, new Uri(_other.Origin, "/ok")),
            "/redirect-other-unavailable" => (307, new Uri(_other.Origin, "/unavailable")),
            "/away-and-back" => (307, new Uri(_other.Origin, "/back")),
            "/back" => (307, new Uri(_first.Origin, "/ok")),
            _ => (200, (Uri?)null),
        };
        context.Response.StatusCode = status;
        if (to is not null)
            context.Response.Headers.Location = to.ToString() + context.Request.QueryString;
        return Task.CompletedTask;
    }

    // As services do whose links are signed, or good for one use.
    private sealed class ChangingRetryHandler : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            (await base.SendAsync(request, cancellationToken)).Dispose();
            request.RequestUri = new Uri(request.RequestUri + "&attempt=2");
            return await base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class CloningHandler : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var clone = new HttpRequestMessage(request.Method, request.RequestUri);
            foreach (var (name, values) in request.Headers)
                clone.Headers.TryAddWithoutValidation(name, values);
            return await base.SendAsync(clone, cancellationToken);
        }
    }

    private sealed class ActivityHandler : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var activity = new Activity("below").Start();
            activity.AddBaggage("tenant", "7");
            return await base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class DiscoveryHandler(Func<Uri> next) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var logical = request.RequestUri!;
            request.RequestUri = new Uri(next(), logical.PathAndQuery);
            try
            {
                return await base.SendAsync(request, cancellationToken);
            }
            finally
            {
                request.RequestUri = logical;
            }
        }
    }

    private sealed class CallOtherHandler(Func<Task<ReceivedRequest[]>> call, Action look) : DelegatingHandler
    {
        public ReceivedRequest[] Received { get; private set; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            look();
            Received = await call();
            return await base.SendAsync(request, cancellationToken);
        }
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
}
