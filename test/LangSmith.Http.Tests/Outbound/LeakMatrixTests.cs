using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>
/// Nothing of LangSmith arrives at an origin that a redirect leads to and no target names: whoever follows it, whatever the status,
/// whoever listens, whoever copies the message. Foreign members do arrive.
/// </summary>
public sealed class LeakMatrixTests : TwoOrigins
{
    private const string Foreign = "userId=alice;prop=1";
    private const string HandWrittenTrace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    private static readonly int[] Statuses = [300, 301, 302, 303, 307, 308];

    public enum Follower
    {
        Runtime,
        SameMessageAbove,
        SameMessageBelow,
        CopyWithOptionsAbove,
        CopyWithOptionsBelow,
        CopyWithoutOptionsAbove,
        CopyWithoutOptionsBelow,
    }

    public enum Listening
    {
        Nobody,
        Activity,
        SamplesNone,
        SamplesTheFirst,
        SamplesAll,
        ObservesTheFirst,
    }

    public enum Named
    {
        NoTargets,
        First,
        Both,
    }

    private static IEnumerable<TestCaseData> Cells =>
        from row in Combinations.Pick(7, Statuses.Length, 6, 3, 2, 2, 2, 2)
        select new TestCaseData(
            (Follower)row[0], Statuses[row[1]], (Listening)row[2], (Named)row[3], row[4] == 0 ? "away" : "back-and-away", row[5] == 0, row[6] == 0, row[7] == 0);

    [TestCaseSource(nameof(Cells))]
    public async Task Send_RedirectedToAnotherOrigin_GetsHeadersOnlyIfNamed(
        Follower follower, int status, Listening listening, Named named, string path, bool isAsync, bool isCopiedBelow, bool isHttpClientHandler)
    {
        using var listener = Listen(listening);
        using var activity = listening is Listening.Activity ? new Activity("request").Start() : null;
        using var scope = Tracer.StartRun("ask");

        var received = await SendAsync(
            CreateChain(follower, named, isCopiedBelow, isHttpClientHandler),
            $"/{path}/{status}",
            prepare: static request => request.Headers.TryAddWithoutValidation("baggage", Foreign),
            isAsync: isAsync);

        var atFirst = received.Where(request => request.Origin == First.Origin).ToArray();
        var atOther = received.Where(request => request.Origin == Other.Origin).ToArray();
        Assert.That((atFirst.Length, atOther.Length), Is.EqualTo(path == "away" ? (1, 1) : (2, 2)));
        Assert.That(atFirst[0]["langsmith-trace"].ToString(), Is.EqualTo(scope.Run.DottedOrder));
        Assert.That(atFirst[0]["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own," + Foreign }));
        foreach (var request in atOther)
        {
            var isAllowed = named is Named.Both;
            Assert.That(request["langsmith-trace"].Count, Is.EqualTo(isAllowed ? 1 : 0), request.Path);
            Assert.That(request["baggage"].ToArray(), Is.EqualTo(new[] { isAllowed ? "langsmith-project=own," + Foreign : Foreign }), request.Path);
        }

        // A copy without options that comes back is not known; one that comes back with nothing stays without.
        if (atFirst.Length == 2 && !isCopiedBelow && follower is not (Follower.CopyWithoutOptionsAbove or Follower.CopyWithoutOptionsBelow))
            Assert.That(atFirst[1]["baggage"].ToArray(), Is.EqualTo(new[] { "langsmith-project=own," + Foreign }), "back at the first origin");
    }

    [Test]
    public async Task Send_NoRunButHandWrittenHeaders_DoNotFollowARedirect(
        [Values] bool isRuntime, [Values] bool isHttpClientHandler, [Values(Listening.Nobody, Listening.Activity, Listening.ObservesTheFirst)] Listening listening)
    {
        using var listener = Listen(listening);
        using var activity = listening is Listening.Activity ? new Activity("request").Start() : null;
        var follower = isRuntime ? Follower.Runtime : Follower.SameMessageBelow;

        var received = await SendAsync(CreateChain(follower, Named.NoTargets, false, isHttpClientHandler), "/away/307", prepare: static request =>
        {
            request.Headers.TryAddWithoutValidation("langsmith-trace", HandWrittenTrace);
            request.Headers.TryAddWithoutValidation("baggage", $"{Foreign}, langsmith-project=mine,x=%");
        });

        // Without a run nothing is rewritten where it may stay.
        Assert.That(received.Select(static request => (request["langsmith-trace"].ToString(), request["baggage"].ToString())), Is.EqualTo(new[]
        {
            (HandWrittenTrace, $"{Foreign}, langsmith-project=mine,x=%"),
            ("", $"{Foreign},x=%25"),
        }));
    }

    [Test]
    public async Task Send_HandlerFollowsAwayAndBack_HeadersAreThereAgain(
        [Values(Follower.SameMessageAbove, Follower.SameMessageBelow, Follower.CopyWithOptionsAbove, Follower.CopyWithOptionsBelow)] Follower follower,
        [Values] bool hasForeignMembers)
    {
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(CreateChain(follower, Named.NoTargets, false, false), "/back-and-away/307", prepare: request =>
        {
            if (hasForeignMembers)
                request.Headers.TryAddWithoutValidation("baggage", Foreign);
        });
        Assert.That(received.Select(static request => (request.Path, request["langsmith-trace"].Count)), Is.EquivalentTo(new[]
        {
            ("/back-and-away/307", 1),
            ("/back/307", 0),
            ("/away/307", 1),
            ("/ok", 0),
        }));
    }

    [Test]
    public async Task Send_ApplicationFollowsByHandWithANewMessage_ItIsANewRequest()
    {
        using var scope = Tracer.StartRun("ask");
        var received = await SendAsync(
            new RedirectingHandler(Follow.NewMessage) { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = false }) },
            "/away/307");
        Assert.That(received.Select(static request => request["langsmith-trace"].ToString()), Is.EqualTo(new[] { scope.Run.DottedOrder, scope.Run.DottedOrder }));
    }

    [Test]
    public async Task Send_RedirectedThenRetriedInAnotherRun_StillGetsNothing()
    {
        using var sockets = new SocketsHttpHandler();
        using var handler = new LangSmithPropagationHandler(sockets);
        using var invoker = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, "/away/307?case=two-runs"));
        for (var run = 0; run < 2; run++)
        {
            using var scope = Tracer.StartRun("attempt");
            (await invoker.SendAsync(request, default)).Dispose();
        }

        Assert.That(Other.Received("two-runs").Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 0, 0 }));
    }

    [Test]
    public async Task Send_HandlerFollowsFromHttpsToHttp_TheOtherGetsNothing()
    {
        await using var secure = await StartSecureServerAsync();
        using var scope = Tracer.StartRun("ask");
        // The runtime does not follow it, and returns the response.
        using var sockets = new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=localhost" },
        };
        using var chain = new RedirectingHandler(Follow.SameMessage) { InnerHandler = new LangSmithPropagationHandler(sockets) };

        var received = await SendAsync(chain, "/away/307", new Uri(secure.Urls.Single()));

        Assert.That(received.Single()["langsmith-trace"].Count, Is.Zero);
        Assert.That(received.Single()["baggage"].Count, Is.Zero);
    }

    private protected override Task Respond(HttpContext context, IReadOnlyCollection<ReceivedRequest> received)
    {
        var parts = context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var next = parts[0] switch
        {
            "away" => new Uri(Other.Origin, "/ok"),
            "back-and-away" => new Uri(Other.Origin, $"/back/{parts[1]}"),
            "back" => new Uri(First.Origin, $"/away/{parts[1]}"),
            _ => null,
        };
        if (next is not null)
        {
            context.Response.StatusCode = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
            context.Response.Headers.Location = next + context.Request.QueryString.Value;
        }

        return Task.CompletedTask;
    }

    private HttpMessageHandler CreateChain(Follower follower, Named named, bool isCopiedBelow, bool isHttpClientHandler)
    {
        var followsItself = follower is Follower.Runtime;
        HttpMessageHandler handler = isHttpClientHandler
            ? new HttpClientHandler { AllowAutoRedirect = followsItself }
            : new SocketsHttpHandler { AllowAutoRedirect = followsItself };
        if (isCopiedBelow)
            handler = new CopyingHandler { InnerHandler = handler };
        if (follower is Follower.SameMessageBelow or Follower.CopyWithOptionsBelow or Follower.CopyWithoutOptionsBelow)
            handler = new RedirectingHandler(GetFollow(follower)) { InnerHandler = handler };
        var options = new LangSmithPropagationOptions();
        if (named is not Named.NoTargets)
            options.Targets.Add(First.Origin.GetLeftPart(UriPartial.Authority));
        if (named is Named.Both)
            options.Targets.Add(Other.Origin.GetLeftPart(UriPartial.Authority));
        handler = new LangSmithPropagationHandler(handler, options);
        return follower is Follower.SameMessageAbove or Follower.CopyWithOptionsAbove or Follower.CopyWithoutOptionsAbove
            ? new RedirectingHandler(GetFollow(follower)) { InnerHandler = handler }
            : handler;
    }

    private static Follow GetFollow(Follower follower) => follower switch
    {
        Follower.SameMessageAbove or Follower.SameMessageBelow => Follow.SameMessage,
        Follower.CopyWithOptionsAbove or Follower.CopyWithOptionsBelow => Follow.CopyWithOptions,
        _ => Follow.CopyWithoutOptions,
    };

    private async Task<WebApplication> StartSecureServerAsync()
    {
        using var key = ECDsa.Create();
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        app.Run(context => Respond(context, []));
        await app.StartAsync();
        return app;
    }

    private Listener? Listen(Listening listening) => listening switch
    {
        Listening.SamplesNone or Listening.SamplesTheFirst or Listening.SamplesAll or Listening.ObservesTheFirst =>
            new Listener(listening, First.Origin.Port),
        _ => null,
    };

    private sealed class Listener : IDisposable, IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private readonly int _port;
        private readonly List<IDisposable> _subscriptions = [];
        private int _asked;

        public Listener(Listening listening, int port)
        {
            _port = port;
            if (listening is Listening.ObservesTheFirst)
            {
                _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
                return;
            }

            var activities = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "System.Net.Http",
                // The first request is the first one it is asked about.
                Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                    listening is Listening.SamplesAll || (listening is Listening.SamplesTheFirst && Interlocked.Increment(ref _asked) == 1)
                        ? ActivitySamplingResult.AllDataAndRecorded
                        : ActivitySamplingResult.None,
            };
            ActivitySource.AddActivityListener(activities);
            _subscriptions.Add(activities);
        }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                _subscriptions.Add(value.Subscribe(this, (_, request, _) => request is HttpRequestMessage message && message.RequestUri!.Port == _port));
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
