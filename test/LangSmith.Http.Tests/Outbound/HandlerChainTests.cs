using System.Diagnostics;

namespace LangSmith.Http.Tests;

/// <summary>Other handlers in the chain: service discovery, retries that change or copy the message, handlers that call somebody else.</summary>
public sealed class HandlerChainTests : TwoOrigins
{
    [TestCase(true)]
    [TestCase(false)]
    public async Task Send_HandlerBelowRewritesTheHost_AsServiceDiscoveryDoes_HeadersArriveOnEveryAttempt(bool isInsideRetry)
    {
        // answers.internal is one instance first and another on the retry; both are where the client meant to go.
        var instances = new Queue<Uri>([First.Origin, Other.Origin, First.Origin]);
        var discovery = new DiscoveryHandler(() => instances.Dequeue()) { InnerHandler = new SocketsHttpHandler() };
        HttpMessageHandler chain = isInsideRetry
            ? new LangSmithPropagationHandler(new RetryHandler { InnerHandler = discovery })
            : new RetryHandler { InnerHandler = new LangSmithPropagationHandler(discovery) };
        using var scope = Tracer.StartRun("ask");

        var received = await SendAsync(chain, "/unavailable", new Uri("http://answers.internal"));

        Assert.That(received, Has.Length.EqualTo(3));
        Assert.That(received.Select(static request => request["langsmith-trace"].ToString()), Has.All.EqualTo(scope.Run.DottedOrder));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Has.All.EqualTo("langsmith-project=own"));
    }

    [Test]
    public async Task Send_DiscoveryAboveTheHandler_HeadersArriveOnEveryAttempt()
    {
        var instances = new Queue<Uri>([First.Origin, Other.Origin, First.Origin]);
        var discovery = new DiscoveryHandler(() => instances.Dequeue()) { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) };
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new RetryHandler { InnerHandler = discovery }, "/unavailable", new Uri("http://answers.internal"));
        Assert.That(received.Select(static request => request["langsmith-trace"].ToString()), Is.EqualTo(Enumerable.Repeat(scope.Run.DottedOrder, 3)));
    }

    [Test]
    public async Task Send_RetryAtTheOtherOriginWithAnotherQuery_StillGetsNothing()
    {
        using var scope = Tracer.StartRun("ask");
        using var counts = new Counts();
        var retry = new ChangingRetryHandler { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) };
        var received = await SendAsync(retry, "/redirect-other-unavailable");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0, 0 }));
        Assert.That(received.Select(static request => request["baggage"].Count), Is.EqualTo(new[] { 1, 0, 0 }));
        Assert.That((counts["langsmith.http.outbound:injected"], counts["langsmith.http.outbound:redirected"]), Is.EqualTo((1, 1)));
    }

    [TestCase(false, true, true)]
    [TestCase(false, true, false)]
    [TestCase(true, true, true)]
    [TestCase(true, true, false)]
    [TestCase(false, false, true)]
    [TestCase(true, false, true)]
    [TestCase(true, false, false)]
    public async Task Send_SuppressedOrSwitchedOffBetweenAttempts_NothingIsSent(bool hasActivity, bool isOff, bool followsRedirects)
    {
        using var activity = hasActivity ? new Activity("request").Start() : null;
        using var scope = Tracer.StartRun("ask");
        IDisposable? off = null;
        var between = new BetweenAttemptsHandler(_ => off = isOff ? TracingContext.With(enabled: false) : TracingContext.Suppress())
        {
            InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = followsRedirects }),
        };
        var received = await SendAsync(between, "/ok");
        Assert.That(received.Select(static request => (request["langsmith-trace"].Count, request["baggage"].Count)), Is.EqualTo(new[] { (1, 1), (0, 0) }));
        off?.Dispose();
    }

    [Test]
    public async Task Send_SwitchedOffForOneAttempt_TheNextHasTheHeadersAgain([Values] bool hasActivity)
    {
        using var activity = hasActivity ? new Activity("request").Start() : null;
        using var scope = Tracer.StartRun("ask");
        IDisposable? off = null;
        var last = new BetweenAttemptsHandler(_ => off!.Dispose()) { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) };
        var first = new FirstAttemptHandler(() => off = TracingContext.With(enabled: false)) { InnerHandler = last };
        var received = await SendAsync(first, "/ok");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0, 1 }));
    }

    [Test]
    public async Task Send_RetryBelowClonesTheMessageWithoutItsOptions_RedirectsAreStillJudged()
    {
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new CopyingHandler { InnerHandler = new SocketsHttpHandler() }), "/redirect-other");
        Assert.That(received.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        Assert.That(received.Select(static request => request["baggage"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [Test]
    public async Task Send_ApplicationItselfCallsWhereARedirectLed_ItsNewMessagesHaveTheHeaders()
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new CopyingHandler { InnerHandler = new SocketsHttpHandler() });

        var redirected = await SendAsync(handler, "/redirect-other");
        var called = await SendAsync(handler, "/ok", Other.Origin);
        var redirectedAgain = await SendAsync(handler, "/redirect-other");

        Assert.That(redirected.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        Assert.That(called.Single()["langsmith-trace"], Has.Count.EqualTo(1));
        Assert.That(redirectedAgain.Select(static request => request["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Send_ActivityStartedBelowTheHandler_ItsBaggageArrivesToo(bool followsRedirects)
    {
        using var scope = Tracer.StartRun("ask");
        var below = new ActivityHandler { InnerHandler = new SocketsHttpHandler { AllowAutoRedirect = followsRedirects } };
        var received = await SendAsync(new LangSmithPropagationHandler(below), "/ok");
        Assert.That(received.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
    }

    [Test]
    public async Task Send_RedirectAwayAndBack_HeadersAreThereAgain()
    {
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new SocketsHttpHandler()), "/away-and-back");
        Assert.That(received.Select(static request => (request.Path, request["langsmith-trace"].Count, request["baggage"].ToString())), Is.EquivalentTo(new[]
        {
            ("/away-and-back", 1, "langsmith-project=own"),
            ("/back", 0, ""),
            ("/ok", 1, "langsmith-project=own"),
        }));
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
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(other), "/ok");
        Assert.That(received.Single()["traceparent"], Is.Empty);
        Assert.That(other.Received.Single()["traceparent"], Is.Empty);
        Assert.That(seen, Is.Null);
        Assert.That(started, Is.Empty);
    }

    private sealed class BetweenAttemptsHandler(Action<HttpRequestMessage> act) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            (await base.SendAsync(request, cancellationToken)).Dispose();
            act(request);
            return await base.SendAsync(request, cancellationToken);
        }
    }

    // Sends once by itself, below the handler that sends twice, and then hands on.
    private sealed class FirstAttemptHandler(Action act) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var invoker = new HttpMessageInvoker(((DelegatingHandler)InnerHandler!).InnerHandler!, disposeHandler: false);
            (await invoker.SendAsync(request, cancellationToken)).Dispose();
            act();
            return await base.SendAsync(request, cancellationToken);
        }
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

    private sealed class ActivityHandler : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using var activity = new Activity("below").Start();
            activity.AddBaggage("tenant", "7");
            return await base.SendAsync(request, cancellationToken);
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
}
