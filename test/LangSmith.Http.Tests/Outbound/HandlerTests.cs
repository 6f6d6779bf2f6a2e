using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RichardSzalay.MockHttp;

namespace LangSmith.Http.Tests;

/// <summary>What the handler does with one message, above a primary handler that is no socket.</summary>
public sealed class HandlerTests
{
    private const string RemoteTrace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    private readonly LangSmithTracer _tracer = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });

    [Test]
    public async Task Send_NoRun_RequestIsUntouched()
    {
        var sent = await SendAsync();
        Assert.That(sent, Is.Empty);
    }

    [Test]
    public async Task Send_CurrentRun_BothHeadersAreOnTheRequest()
    {
        using var scope = _tracer.StartRun("ask");
        using var mock = new MockHttpMessageHandler();
        mock.Expect("https://answers.internal/ask")
            .WithHeaders("langsmith-trace", scope.Run.DottedOrder)
            .WithHeaders("baggage", "langsmith-project=own")
            .Respond(HttpStatusCode.OK);
        using var http = new HttpClient(new LangSmithPropagationHandler(mock));

        using var response = await http.GetAsync(new Uri("https://answers.internal/ask"));

        mock.VerifyNoOutstandingExpectation();
    }

    [Test]
    public async Task Send_SyncAndAsync_AreTheSame()
    {
        using var scope = _tracer.StartRun("ask");
        var stub = new StubHandler();
        using var http = new HttpClient(new LangSmithPropagationHandler(stub));
        using var first = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");
        using var second = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");

        using var sync = http.Send(first);
        using var async = await http.SendAsync(second);

        Assert.That(stub.Sent[0], Is.EqualTo(stub.Sent[1]).And.Count.EqualTo(2));
    }

    [Test]
    public async Task Send_CallerSetTrace_IsReplacedOnlyWhenARunIsCurrent()
    {
        var alone = await SendAsync(static request => request.Headers.Add("langsmith-trace", RemoteTrace));
        Assert.That(alone["langsmith-trace"], Is.EqualTo(new[] { RemoteTrace }));

        using var scope = _tracer.StartRun("ask");
        var replaced = await SendAsync(static request => request.Headers.Add("langsmith-trace", RemoteTrace));
        Assert.That(replaced["langsmith-trace"], Is.EqualTo(new[] { scope.Run.DottedOrder }));
    }

    [Test]
    public async Task Send_HandlerTwiceAndFiveAttempts_OneValueOfEachEveryTime()
    {
        using var scope = _tracer.StartRun("ask");
        var stub = new StubHandler();
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new LangSmithPropagationHandler(stub)));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");
        request.Headers.TryAddWithoutValidation("baggage", "tenant=7");

        for (var attempt = 0; attempt < 5; attempt++)
            await invoker.SendAsync(request, default);

        Assert.That(stub.Sent, Has.Count.EqualTo(5));
        Assert.That(stub.Sent, Has.All.EqualTo(new Dictionary<string, string[]>
        {
            ["langsmith-trace"] = [scope.Run.DottedOrder],
            ["baggage"] = ["langsmith-project=own,tenant=7"],
        }));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Send_LoggerThrows_TheRequestIsCountedOnceAsInjected(bool whenAsked)
    {
        using var counts = new Counts();
        var services = new ServiceCollection().AddLogging(logging => logging.AddProvider(new BrokenLog(whenAsked)).SetMinimumLevel(LogLevel.Debug));
        services.AddLangSmith(static options => options.Tracing = true).AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        var stub = new StubHandler();
        services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>().ConfigurePrimaryHttpMessageHandler(() => stub);
        // The factory's own log lines would throw, too.
        services.ConfigureHttpClientDefaults(static builder => builder.RemoveAllLoggers());
        await using var provider = services.BuildServiceProvider();
        using var scope = provider.GetRequiredService<LangSmithTracer>().StartRun("ask");
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");

        using var response = await http.GetAsync(new Uri("https://answers.internal/"));

        Assert.That(stub.Sent.Single()["langsmith-trace"], Is.EqualTo(new[] { scope.Run.DottedOrder }));
        Assert.That((counts["langsmith.http.outbound:injected"], counts["langsmith.http.outbound:failed"]), Is.EqualTo((1, 0)));
    }

    private sealed class BrokenLog(bool whenAsked) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => whenAsked ? throw new InvalidOperationException("No log today.") : true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("No log today.");

        public void Dispose()
        {
        }
    }

    [Test]
    public async Task Send_MetadataChangedBetweenAttempts_HeadersAreNotStale()
    {
        using var scope = _tracer.StartRun("ask");
        var stub = new StubHandler();
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(stub));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");

        await invoker.SendAsync(request, default);
        scope.Run.AddTags("late");
        await invoker.SendAsync(request, default);

        Assert.That(stub.Sent[1]["baggage"], Is.EqualTo(new[] { "langsmith-tags=late,langsmith-project=own" }));
    }

    [Test]
    public async Task Send_ForeignBaggageInSeveralLines_OneLineOursFirst()
    {
        using var scope = _tracer.StartRun("ask");
        var sent = await SendAsync(static request =>
        {
            request.Headers.TryAddWithoutValidation("baggage", "a=%zz;p=1 , langsmith-project=stale");
            request.Headers.TryAddWithoutValidation("baggage", " b = \"x\" ,c");
        });
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-project=own,a=%25zz;p=1,b = \"x\",c" }));
    }

    [Test]
    public async Task Send_ActivityBaggageAboveAMock_ArrivesWithoutOurStaleMembers()
    {
        using var scope = _tracer.StartRun("ask");
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "a b").AddBaggage("langsmith-project", "INBOUND").AddBaggage("bad key\r\n", "x").AddBaggage("mine", "activity");
        var sent = await SendAsync(static request => request.Headers.Add("baggage", "mine=header"));
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-project=own,mine=header,tenant=a%20b" }));
    }

    [Test]
    public async Task Send_UseParentAroundTheSend_ItWinsOverTheCurrentRun([Values] bool hasRun)
    {
        var parent = RunContext.FromDottedOrder(RemoteTrace)!;
        using var scope = hasRun ? _tracer.StartRun("ask") : null;
        using var around = TracingContext.UseParent(parent);
        var sent = await SendAsync();
        Assert.That(sent["langsmith-trace"], Is.EqualTo(new[] { RemoteTrace }));
        Assert.That(sent, Does.Not.ContainKey("baggage"), "the parent has no project, tags or metadata");
    }

    [Test]
    public async Task Send_PassingThrough_TheRemoteParentIsForwardedUnchanged()
    {
        var passing = new LangSmithTracer(recorder: null, new LangSmithOptions { Tracing = true });
        var parent = RunContext.FromHeaders(new Dictionary<string, string>
        {
            ["langsmith-trace"] = RemoteTrace,
            ["baggage"] = "langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-tags=a%2Cb,langsmith-project=theirs",
        });
        using var _ = TracingContext.UseParent(parent);
        using var scope = passing.StartRun("not created");
        var sent = await SendAsync();
        Assert.That(sent["langsmith-trace"], Is.EqualTo(new[] { RemoteTrace }));
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-tags=a%2Cb,langsmith-project=theirs" }));
    }

    [Test]
    public async Task Send_RunDeeperThanAHeaderCanSay_TheDeepestRecordedOneIsNamed()
    {
        var deepest = string.Join('.', Enumerable.Repeat(RemoteTrace, 138));
        using var _ = TracingContext.UseParent(RunContext.FromDottedOrder(deepest));
        using var scope = _tracer.StartRun("one too deep");
        var sent = await SendAsync(static request => request.Headers.Add("baggage", "tenant=7"));
        Assert.That(scope.Run.IsRecorded, Is.False);
        Assert.That(sent["langsmith-trace"], Is.EqualTo(new[] { deepest }));
    }

    [Test]
    public async Task Send_LineOverBudget_MetadataShrinksToTheThreadAndIsCounted()
    {
        using var scope = _tracer.StartRun("ask");
        scope.Run.AddMetadata("big", new string('x', 5000));
        scope.Run.AddMetadata("thread_id", "t-1");
        using var counts = new Counts();
        var sent = await SendAsync();
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%7D,langsmith-project=own" }));
        Assert.That(counts["langsmith.http.outbound.over_budget:metadata"], Is.EqualTo(1));
    }

    [Test]
    public async Task Send_OneThreadKeyIsTooLong_TheOthersStay()
    {
        using var scope = _tracer.StartRun("ask");
        scope.Run.AddMetadata("session_id", new string('x', 5000));
        scope.Run.AddMetadata("thread_id", "t-1");
        scope.Run.AddMetadata("conversation_id", "c-1");
        var sent = await SendAsync();
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%2C%22conversation_id%22%3A%22c-1%22%7D,langsmith-project=own" }));
    }

    [Test]
    public async Task Send_SwitchedOffOrSuppressedBetweenAttempts_HeadersOfTheFirstAttemptAreTakenOff([Values] bool isOff)
    {
        var sockets = new SocketsHttpHandler();
        var stub = new StubHandler();
        // A stub above real sockets: the handler remembers the message, and nothing is sent.
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new Above(stub) { InnerHandler = sockets }));
        using var scope = _tracer.StartRun("ask");
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");
        await invoker.SendAsync(request, default);
        using (isOff ? TracingContext.With(enabled: false) : TracingContext.Suppress())
            await invoker.SendAsync(request, default);
        Assert.That(stub.Sent.Select(static sent => sent.Count), Is.EqualTo(new[] { 2, 0 }));
    }

    [Test]
    public async Task Send_SuppressedRequestWithHeadersOfItsOwn_IsLeftAlone()
    {
        using var scope = _tracer.StartRun("ask");
        using var suppression = TracingContext.Suppress();
        var sent = await SendAsync(request => request.Headers.Add("langsmith-trace", scope.Run.DottedOrder));
        Assert.That(sent["langsmith-trace"], Is.EqualTo(new[] { scope.Run.DottedOrder }));
    }

    [Test]
    public async Task Send_PropagatedMetadataKeys_OnlyTheseTravel()
    {
        using var scope = _tracer.StartRun("ask");
        scope.Run.AddMetadata("user", "u");
        scope.Run.AddMetadata("secret", "s");
        var sent = await SendAsync(options: new LangSmithPropagationOptions { PropagatedMetadataKeys = new HashSet<string> { "user" } });
        Assert.That(sent["baggage"], Is.EqualTo(new[] { "langsmith-metadata=%7B%22user%22%3A%22u%22%7D,langsmith-project=own" }));
    }

    [TestCase("https://answers.internal/x", true)]
    [TestCase("https://ANSWERS.internal/x", true)]
    [TestCase("https://a.b.corp/", true)]
    [TestCase("http://127.0.0.1:8080/", true)]
    [TestCase("https://xn--bcher-kva.example/", true)]
    [TestCase("http://answers.internal/x", false, Description = "scheme")]
    [TestCase("https://answers.internal:8443/x", false, Description = "port")]
    [TestCase("https://corp/", false, Description = "a suffix is not the domain itself")]
    [TestCase("https://evilcorp/", false, Description = "label boundary")]
    [TestCase("https://a.corp.evil.test/", false, Description = "suffix in the middle")]
    [TestCase("https://evil.test/?x=answers.internal", false, Description = "query")]
    [TestCase("https://answers.internal@evil.test/", false, Description = "user")]
    [TestCase("http://127.0.0.1:80/", false, Description = "port")]
    public async Task Send_Targets_SeeSchemeHostAndPortOnly(string uri, bool isAllowed)
    {
        var options = new LangSmithPropagationOptions
        {
            Targets = { "https://answers.internal", "https://*.corp", "http://127.0.0.1:8080", "https://bücher.example" },
        };
        using var scope = _tracer.StartRun("ask");
        var sent = await SendAsync(options: options, uri: uri);
        Assert.That(sent.ContainsKey("langsmith-trace"), Is.EqualTo(isAllowed));
        Assert.That(sent.ContainsKey("baggage"), Is.EqualTo(isAllowed));
    }

    [Test]
    public async Task Send_SameMessageToAHostThatIsNoTarget_HeadersOfTheFirstAttemptAreTakenOff()
    {
        var stub = new StubHandler();
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(stub, new LangSmithPropagationOptions { Targets = { "https://answers.internal" } }));
        using var scope = _tracer.StartRun("ask");
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://answers.internal/");
        request.Headers.Add("baggage", "tenant=7");

        await invoker.SendAsync(request, default);
        request.RequestUri = new Uri("https://fallback.example/");
        await invoker.SendAsync(request, default);

        Assert.That(stub.Sent[0].Keys, Is.EquivalentTo(new[] { "langsmith-trace", "baggage" }));
        Assert.That(stub.Sent[1], Is.EqualTo(new Dictionary<string, string[]> { ["baggage"] = ["tenant=7"] }));
    }

    [Test]
    public async Task Send_EveryDecision_IsCountedWithItsReason()
    {
        var sampledOut = new LangSmithTracer(new Nobody(), new LangSmithOptions { Tracing = true });
        using var counts = new Counts();

        await SendAsync();
        using (TracingContext.Suppress())
            await SendAsync();
        using (_tracer.StartRun("ask"))
        {
            await SendAsync();
            using (TracingContext.Suppress())
                await SendAsync();
            await SendAsync(options: new LangSmithPropagationOptions { Targets = { "https://elsewhere" } });
            using (TracingContext.With(enabled: false))
                await SendAsync();
        }

        Dictionary<string, string[]> notSampled;
        using (sampledOut.StartRun("ask"))
            notSampled = await SendAsync();

        Assert.That(notSampled, Is.EqualTo(new Dictionary<string, string[]> { ["baggage"] = ["langsmith-sampled=0"] }));
        Assert.Multiple(() =>
        {
            Assert.That(counts["langsmith.http.outbound:no_run"], Is.EqualTo(1));
            Assert.That(counts["langsmith.http.outbound:suppressed"], Is.EqualTo(2));
            Assert.That(counts["langsmith.http.outbound:injected"], Is.EqualTo(1));
            Assert.That(counts["langsmith.http.outbound:target_not_allowed"], Is.EqualTo(1));
            Assert.That(counts["langsmith.http.outbound:off"], Is.EqualTo(1));
            Assert.That(counts["langsmith.http.outbound:not_sampled"], Is.EqualTo(1));
        });
    }

    [Test]
    public void Constructor_BadTargets_NameTheOptionAndTheRemedy()
    {
        foreach (var bad in new[] { "answers.internal", "https://a/path", "https://a?x=1", "ftp://a", "https://user@a", "https://*", "https://a.*.b", "*", "", "https://*.127.0.0.1" })
        {
            var options = new LangSmithPropagationOptions { Targets = { bad } };
            Assert.That(
                () => new LangSmithPropagationHandler(new StubHandler(), options),
                Throws.ArgumentException.With.Message.StartsWith($"Targets: '{bad}' is not an origin. Write scheme, host and optional port, such as 'https://answers.internal'"),
                bad);
        }
    }

    [TestCase(-1)]
    [TestCase(8193)]
    public void Constructor_BadBudget_NamesTheOptionAndTheRemedy(int budget) => Assert.That(
        () => new LangSmithPropagationHandler(new StubHandler(), new LangSmithPropagationOptions { MaxBaggageBytes = budget }),
        Throws.ArgumentException.With.Message.StartsWith($"MaxBaggageBytes is {budget}. Set it to a number of bytes from 0 to 8192."));

    private static async Task<Dictionary<string, string[]>> SendAsync(
        Action<HttpRequestMessage>? configure = null, LangSmithPropagationOptions? options = null, string uri = "https://answers.internal/")
    {
        var stub = new StubHandler();
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(stub, options));
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        configure?.Invoke(request);
        using var response = await invoker.SendAsync(request, default);
        return stub.Sent.Single();
    }

    private sealed class Above(StubHandler stub) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            new HttpMessageInvoker(stub, disposeHandler: false).SendAsync(request, cancellationToken);
    }

    private sealed class Nobody : IRunRecorder
    {
        public bool ShouldRecord(Guid traceId) => false;

        public void OnStart(RunSnapshot run) => Assert.Fail("not recorded");

        public void OnEnd(RunSnapshot run) => Assert.Fail("not recorded");
    }
}
