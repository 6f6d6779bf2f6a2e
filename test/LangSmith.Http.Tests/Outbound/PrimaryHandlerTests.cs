using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LangSmith.Http.Tests;

/// <summary>Primary handlers that are used, shared, no sockets, or have a propagator of their own; and what the wire looks like byte by byte.</summary>
public sealed class PrimaryHandlerTests : TwoOrigins
{
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
        using var scope = Tracer.StartRun("ask");
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
        using var scope = Tracer.StartRun("ask");

        var open = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        Assert.That(open.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own" }), "the activity's baggage stays home");
        Assert.That(primary.ActivityHeadersPropagator, Is.Null);

        using var counts = new Counts();
        using var second = new SocketsHttpHandler { ActivityHeadersPropagator = null };
        var narrowed = await SendAsync(new LangSmithPropagationHandler(second, Targets(First)), "/ok");
        Assert.That(narrowed.Single()["langsmith-trace"], Is.Empty);
        Assert.That(counts["langsmith.http.outbound:redirects_unseen"], Is.EqualTo(1));

        using var third = new SocketsHttpHandler { ActivityHeadersPropagator = null, AllowAutoRedirect = false };
        var noRedirects = await SendAsync(new LangSmithPropagationHandler(third, Targets(First)), "/ok");
        Assert.That(noRedirects.Single()["langsmith-trace"], Has.Count.EqualTo(1));
    }

    [TestCase(typeof(LikeWinHttpHandler))]
    [TestCase(typeof(LikeAMobilePlatforms))]
    public async Task Send_PrimaryOfAnotherKindSaysThatItFollowsRedirects_TargetsDecide(Type kind)
    {
        using var scope = Tracer.StartRun("ask");
        using var primary = (HttpMessageHandler)Activator.CreateInstance(kind)!;

        var open = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        var narrowed = await SendAsync(new LangSmithPropagationHandler(primary, Targets(First)), "/redirect-other");
        if (primary is LikeWinHttpHandler windows)
            windows.AutomaticRedirection = false;
        if (primary is LikeAMobilePlatforms mobile)
            mobile.AllowAutoRedirect = false;
        var noRedirects = await SendAsync(new LangSmithPropagationHandler(primary, Targets(First)), "/ok");

        Assert.That(open.Single()["langsmith-trace"], Has.Count.EqualTo(1));
        Assert.That(narrowed, Has.Length.EqualTo(2));
        Assert.That(narrowed.Select(static received => received["langsmith-trace"].Count), Has.All.Zero);
        Assert.That(noRedirects.Single()["langsmith-trace"], Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Send_HttpClientHandler_HeadersArriveAndTargetsSeeRedirects()
    {
        using var scope = Tracer.StartRun("ask");
        using var activity = new Activity("request").Start();
        activity.AddBaggage("tenant", "7");

        using var primary = new HttpClientHandler();
        var open = await SendAsync(new LangSmithPropagationHandler(primary), "/ok");
        Assert.That(open.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));

        using var narrowedPrimary = new HttpClientHandler();
        var narrowed = await SendAsync(new LangSmithPropagationHandler(narrowedPrimary, Targets(First)), "/redirect-other");
        Assert.That(narrowed.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
        Assert.That(narrowed[1]["baggage"].ToArray(), Is.EqualTo(new[] { "tenant=7" }));

        using var noRedirects = new HttpClientHandler { AllowAutoRedirect = false };
        var safe = await SendAsync(new LangSmithPropagationHandler(noRedirects, Targets(First)), "/ok");
        Assert.That(safe.Single()["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own,tenant=7" }));
    }

    [Test]
    public async Task Send_PrimaryAlreadyUsed_RequestsGoOnAndHeadersArrive()
    {
        using var shared = new SocketsHttpHandler();
        using var before = new HttpMessageInvoker(shared, disposeHandler: false);
        using var warmUp = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, "/ok?case=warm-up"));
        using (await before.SendAsync(warmUp, default))
        {
        }

        using var scope = Tracer.StartRun("ask");
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
        var open = new LangSmithPropagationHandler(shared, Targets(First, Other));
        var narrow = new LangSmithPropagationHandler(shared, Targets(First));
        using var scope = Tracer.StartRun("ask");
        for (var round = 0; round < 2; round++)
        {
            var followed = await SendAsync(open, "/redirect-other");
            Assert.That(followed.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 1 }));
            var stopped = await SendAsync(narrow, "/redirect-other");
            Assert.That(stopped.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
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
        using var scope = Tracer.StartRun("ask");
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
    public async Task Send_DerivedHandlerCopiesTheMessage_ARedirectIsStillJudged([Values] bool hasActivity)
    {
        using var activity = hasActivity ? new Activity("request").Start() : null;
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(new LangSmithPropagationHandler(new CopyingClientHandler()), "/redirect-other");
        Assert.That(received.Select(static request => (request["langsmith-trace"].ToString(), request["baggage"].ToString())), Is.EqualTo(new[]
        {
            (scope.Run.DottedOrder, "langsmith-project=own"),
            ("", ""),
        }));
        Assert.That(received.Select(static request => request["traceparent"].Count), Has.All.EqualTo(hasActivity ? 1 : 0));
    }

    private static LangSmithPropagationOptions Targets(params OriginServer[] servers)
    {
        var options = new LangSmithPropagationOptions();
        foreach (var server in servers)
            options.Targets.Add(server.Origin.GetLeftPart(UriPartial.Authority));
        return options;
    }

    private sealed class CopyingClientHandler : HttpClientHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            base.SendAsync(CopyingHandler.Copy(request), cancellationToken);
    }

    /// <summary>What is known of <c>WinHttpHandler</c>, which works on Windows only.</summary>
    private sealed class LikeWinHttpHandler : Composed
    {
        public bool AutomaticRedirection { get; set; } = true;
    }

    /// <summary>What is known of the handlers of mobile platforms.</summary>
    private sealed class LikeAMobilePlatforms : Composed
    {
        public bool AllowAutoRedirect { get; set; } = true;
    }

    private abstract class Composed : HttpMessageHandler
    {
        private readonly HttpMessageInvoker _inner = new(new SocketsHttpHandler());

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _inner.SendAsync(request, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
