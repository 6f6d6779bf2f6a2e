using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>
/// What arrives, cell by cell: how the message is sent, who traces the request besides us, what happens on the way, what
/// is in baggage already, how the client is made, and whether redirects are followed. Real Kestrel, real sockets.
/// </summary>
public sealed class WireMatrixTests : TwoOrigins
{
    private const string CallerBaggage = "userId=alice;prop=1, serverNode=DF%2028";
    private const string CallerMembers = "userId=alice;prop=1,serverNode=DF%2028";

    private readonly InMemoryRunRecorder _recorder = new();
    private int _cases;

    public enum Tracing
    {
        NoActivity,
        Activity,
        ActivityWithBaggage,

        // Samples everything, and removes and re-adds `baggage` when a request starts, as OpenTelemetry's instrumentation does.
        OpenTelemetry,

        // Listens to the runtime's requests and wants no activity for them.
        SamplesNone,
    }

    public enum Way
    {
        Plain,
        RetryInside,
        RetryOutside,
        RedirectSameOrigin,
        RedirectOtherOrigin,
        RedirectOtherOriginNotInTargets,
        RedirectOtherOriginInTargets,
        RedirectOtherOriginRetriedInside,
        RedirectOtherOriginRetriedOutside,
    }

    public enum Baggage
    {
        None,
        CallerSet,

        // What ASP.NET Core puts into Activity.Baggage when a caller sent it.
        Upstream,
    }

    public enum Client
    {
        Factory,
        New,
    }

    [Test]
    public async Task Send_EveryCell_HeadersAreExactlyWhereTheyMayBe(
        [Values] bool isAsync, [Values] Tracing tracing, [Values] Way way, [Values] Baggage baggage, [Values] Client client, [Values] bool followsRedirects)
    {
        var caseId = $"{Interlocked.Increment(ref _cases)}";
        using var listener = Listen(tracing);
        using var activity = StartActivity(tracing, baggage);
        var tracer = new LangSmithTracer(_recorder, new LangSmithOptions { Tracing = true, Project = "own" });
        using var scope = tracer.StartRun("ask");
        scope.Run.AddMetadata("thread_id", "t-1");
        scope.Run.AddTags("prod");
        var current = Activity.Current;

        using (var http = CreateClient(client, way, followsRedirects, out var owner))
        using (owner)
        using (var request = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, $"{Path(way)}?case={caseId}")))
        {
            if (baggage == Baggage.CallerSet)
                request.Headers.TryAddWithoutValidation("baggage", CallerBaggage);
            using var response = isAsync ? await http.SendAsync(request) : http.Send(request);
        }

        Assert.That(Activity.Current, Is.SameAs(current), "the caller's activity");
        var ours = scope.Run.ToHeaders();
        var atFirst = First.Received(caseId);
        var atOther = Other.Received(caseId);
        Assert.Multiple(() =>
        {
            Assert.That((atFirst.Length, atOther.Length), Is.EqualTo(ExpectedRequests(way, followsRedirects)), "requests at the first and the other origin");
            foreach (var received in atFirst)
                AssertAllowed(received, ours, ForeignMembers(tracing, baggage));
            foreach (var received in atOther)
            {
                if (way == Way.RedirectOtherOriginInTargets)
                    AssertAllowed(received, ours, ForeignMembers(tracing, baggage));
                else
                    AssertDenied(received, ForeignMembers(tracing, baggage));
            }

            foreach (var received in atFirst.Concat(atOther))
                Assert.That(received["traceparent"], Has.Count.EqualTo(HasActivity(tracing, baggage) ? 1 : 0), "traceparent");
        });
    }

    private static void AssertAllowed(ReceivedRequest received, IReadOnlyDictionary<string, string> ours, string? foreign)
    {
        Assert.That(received["langsmith-trace"].ToArray(), Is.EqualTo(new[] { ours["langsmith-trace"] }), received.Path);
        Assert.That(received["baggage"].ToArray(), Is.EqualTo(new[] { foreign is null ? ours["baggage"] : ours["baggage"] + "," + foreign }), received.Path);
    }

    private static void AssertDenied(ReceivedRequest received, string? foreign)
    {
        Assert.That(received["langsmith-trace"], Is.Empty, received.Path);
        Assert.That(received["baggage"].ToArray(), Is.EqualTo(foreign is null ? [] : new[] { foreign }), received.Path);
    }

    private static string? ForeignMembers(Tracing tracing, Baggage baggage)
    {
        var members = new List<string>();
        if (baggage == Baggage.CallerSet)
            members.Add(CallerMembers);
        if (tracing == Tracing.OpenTelemetry)
            members.Add("otel=1");
        if (HasAmbientActivity(tracing, baggage) && baggage == Baggage.Upstream)
            members.Add("region=eu%20west");
        if (tracing == Tracing.ActivityWithBaggage)
            members.Add("tenant=7");
        return members.Count == 0 ? null : string.Join(',', members);
    }

    // Upstream baggage needs an activity to be in; without one the cell is the same as the one without baggage.
    private static bool HasAmbientActivity(Tracing tracing, Baggage baggage) =>
        tracing is Tracing.Activity or Tracing.ActivityWithBaggage || (tracing != Tracing.NoActivity && baggage == Baggage.Upstream);

    private static bool HasActivity(Tracing tracing, Baggage baggage) => tracing == Tracing.OpenTelemetry || HasAmbientActivity(tracing, baggage);

    private static Activity? StartActivity(Tracing tracing, Baggage baggage)
    {
        if (!HasAmbientActivity(tracing, baggage))
            return null;
        var activity = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start();
        if (tracing == Tracing.ActivityWithBaggage)
            activity.AddBaggage("tenant", "7");
        if (baggage == Baggage.Upstream)
            activity.AddBaggage("langsmith-project", "INBOUND").AddBaggage("langsmith-metadata", "%7B%7D").AddBaggage("region", "eu west");
        return activity;
    }

    private static (int First, int Other) ExpectedRequests(Way way, bool followsRedirects) => way switch
    {
        Way.Plain => (1, 0),
        Way.RetryInside or Way.RetryOutside => (3, 0),
        Way.RedirectSameOrigin => (followsRedirects ? 2 : 1, 0),
        Way.RedirectOtherOrigin or Way.RedirectOtherOriginNotInTargets or Way.RedirectOtherOriginInTargets => (1, followsRedirects ? 1 : 0),
        _ => (1, followsRedirects ? 3 : 0),
    };

    private static string Path(Way way) => way switch
    {
        Way.Plain => "/ok",
        Way.RetryInside or Way.RetryOutside => "/flaky",
        Way.RedirectSameOrigin => "/redirect-same",
        Way.RedirectOtherOriginRetriedInside or Way.RedirectOtherOriginRetriedOutside => "/redirect-other-flaky",
        _ => "/redirect-other",
    };

    private HttpClient CreateClient(Client client, Way way, bool followsRedirects, out IDisposable? owner)
    {
        owner = null;
        var primary = new SocketsHttpHandler { AllowAutoRedirect = followsRedirects };
        var isRetriedInside = way is Way.RetryInside or Way.RedirectOtherOriginRetriedInside;
        var isRetriedOutside = way is Way.RetryOutside or Way.RedirectOtherOriginRetriedOutside;
        if (client == Client.New)
        {
            var options = new LangSmithPropagationOptions();
            AddTargets(options, way);
            HttpMessageHandler handler = isRetriedInside ? new RetryHandler { InnerHandler = primary } : primary;
            handler = new LangSmithPropagationHandler(handler, options);
            return new HttpClient(isRetriedOutside ? new RetryHandler { InnerHandler = handler } : handler);
        }

        var services = new ServiceCollection().AddLangSmith();
        var builder = services.AddHttpClient("answers").ConfigurePrimaryHttpMessageHandler(() => primary);
        if (isRetriedOutside)
            builder.AddHttpMessageHandler(static () => new RetryHandler());
        builder.AddHttpMessageHandler<LangSmithPropagationHandler>();
        builder.AddLangSmithPropagation(options => AddTargets(options, way));
        if (isRetriedInside)
            builder.AddHttpMessageHandler(static () => new RetryHandler());
        var provider = services.BuildServiceProvider();
        owner = provider;
        return provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
    }

    private void AddTargets(LangSmithPropagationOptions options, Way way)
    {
        if (way is Way.RedirectOtherOriginNotInTargets or Way.RedirectOtherOriginInTargets)
            options.Targets.Add(First.Origin.GetLeftPart(UriPartial.Authority));
        if (way is Way.RedirectOtherOriginInTargets)
            options.Targets.Add(Other.Origin.GetLeftPart(UriPartial.Authority));
    }

    private protected override Task Respond(HttpContext context, IReadOnlyCollection<ReceivedRequest> received)
    {
        var query = context.Request.QueryString;
        switch (context.Request.Path)
        {
            case "/flaky":
                context.Response.StatusCode = received.Count < 3 ? 503 : 200;
                break;
            case "/redirect-same":
                Redirect("/ok");
                break;
            case "/redirect-other":
                Redirect(new Uri(Other.Origin, "/ok").ToString());
                break;
            case "/redirect-other-flaky":
                Redirect(new Uri(Other.Origin, "/flaky").ToString());
                break;
        }

        return Task.CompletedTask;

        void Redirect(string to)
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = to + query;
        }
    }

    private static Listeners? Listen(Tracing tracing) => tracing switch
    {
        Tracing.OpenTelemetry => new Listeners(ActivitySamplingResult.AllDataAndRecorded, writesBaggage: true),
        Tracing.SamplesNone => new Listeners(ActivitySamplingResult.None, writesBaggage: false),
        _ => null,
    };

    private sealed class Listeners : IDisposable, IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private readonly ActivityListener _activities;
        private readonly List<IDisposable> _subscriptions = [];

        public Listeners(ActivitySamplingResult result, bool writesBaggage)
        {
            _activities = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == "System.Net.Http",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => result,
            };
            ActivitySource.AddActivityListener(_activities);
            if (writesBaggage)
                _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
        }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                _subscriptions.Add(value.Subscribe(this, static (name, _, _) => name.StartsWith("System.Net.Http.HttpRequestOut", StringComparison.Ordinal)));
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Key != "System.Net.Http.HttpRequestOut.Start")
                return;
            var request = (HttpRequestMessage)value.Value!.GetType().GetProperty("Request")!.GetValue(value.Value)!;
            request.Headers.Remove("baggage");
            request.Headers.Add("baggage", "otel=1");
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose()
        {
            _activities.Dispose();
            foreach (var subscription in _subscriptions)
                subscription.Dispose();
        }
    }
}
