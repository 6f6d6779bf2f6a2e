using System.Diagnostics;
using System.Net;

namespace LangSmith.Http.Tests;

/// <summary>
/// The activity that exists only so that the runtime calls our propagator on each hop changes nothing else of a request.
/// </summary>
public sealed class PrivateActivityTests : TwoOrigins
{
    private const string HandWritten = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private static readonly string[] Names = ["traceparent", "tracestate", "Request-Id", "Correlation-Context"];

    // On .NET 8 the runtime itself loses them on a redirect if requests have a listener; with us they stay there, too.
    [Test]
    public async Task Send_HandWrittenTraceParent_IsOnEachHop(
        [Values] bool isAsync, [Values] bool isListening, [Values] bool isHttpClientHandler)
    {
        using var listener = isListening ? Listen() : null;
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(CreatePrimary(isHttpClientHandler));

        var received = await SendAsync(handler, "/away-and-back", prepare: Write, isAsync: isAsync);

        Assert.That(received, Has.Length.EqualTo(3));
        Assert.That(received.Select(Show), Has.All.EqualTo($"{HandWritten} vendor=1 |one. a=1, b=2"));
    }

    [Test]
    public async Task Send_RetryWritesAnotherTraceParent_EachAttemptHasItsOwn()
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new ThreeAttempts(new LangSmithPropagationHandler(new SocketsHttpHandler()));

        var received = await SendAsync(handler, "/ok");

        Assert.That(
            received.Select(static request => request["traceparent"].ToString()),
            Is.EqualTo(new[] { HandWritten, HandWritten.Replace("0af7", "0af8", StringComparison.Ordinal), "" }));
    }

    [Test]
    public async Task Send_ObserverOfActivitiesThrows_TheRequestDoesNot([Values] bool isAsync)
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());
        Activity.CurrentChanged += Throw;
        try
        {
            var received = await SendAsync(handler, "/redirect-other", isAsync: isAsync);

            Assert.That(received, Has.Length.EqualTo(2));
            Assert.That(received[1]["langsmith-trace"].Count, Is.Zero, "the redirect cannot be seen, so nothing may be sent along");
            Assert.That(Activity.Current, Is.Null);
        }
        finally
        {
            Activity.CurrentChanged -= Throw;
        }
    }

    [Test]
    public async Task Send_ObserverOfActivitiesThrowsUnderAListener_FailsAsWithoutUs(
        [Values] bool isAsync, [Values] bool onlyForActivities, [Values] ActivitySamplingResult sampling)
    {
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => sampling,
        };
        ActivitySource.AddActivityListener(listener);
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());
        using var plain = new SocketsHttpHandler();
        EventHandler<ActivityChangedEventArgs> observer = onlyForActivities ? ThrowForActivities : Throw;
        Activity.CurrentChanged += observer;
        try
        {
            var failure = await FailureOf(() => SendAsync(plain, "/redirect-other", isAsync: isAsync));
            ReceivedRequest[] received = [];
            var failureWithUs = await FailureOf(async () => received = await SendAsync(handler, "/redirect-other", isAsync: isAsync));
            Assert.That(failureWithUs?.Message, Is.EqualTo(failure?.Message));
            Assert.That(received.Skip(1).Select(static request => request["langsmith-trace"].Count), Has.All.Zero);
        }
        finally
        {
            Activity.CurrentChanged -= observer;
        }
    }

    [Test]
    public async Task Send_ContentSendsAnotherRequest_ItHasNoTraceParentOfOurs([Values] bool isListening, [Values] bool redirects)
    {
        using var listener = isListening ? Listen() : null;
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());
        using var another = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = redirects });
        ReceivedRequest[] inner = [];

        var outer = await SendAsync(handler, "/ok", prepare: request => request.Content = new PushContent(
            async () => inner = await SendAsync(another, "/ok", Other.Origin)));

        Assert.That(inner.Single()["langsmith-trace"], Has.Count.EqualTo(1));
        Assert.That(inner.Concat(outer).Select(static request => request["traceparent"].Count), Has.All.Zero);
    }

    [Test]
    public async Task Send_ContentStartsAnActivityOfItsOwn_ItsTraceParentIsSent()
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler());
        using var another = new LangSmithPropagationHandler(new SocketsHttpHandler());
        ReceivedRequest[] inner = [];

        await SendAsync(handler, "/ok", prepare: request => request.Content = new PushContent(async () =>
        {
            using var activity = new Activity("the content's").Start();
            inner = await SendAsync(another, "/ok", Other.Origin);
        }));

        Assert.That(inner.Single()["traceparent"], Has.Count.EqualTo(1));
    }

    private static async Task<Exception?> FailureOf(Func<Task> send)
    {
        try
        {
            await send();
            return null;
        }
        catch (InvalidOperationException exception)
        {
            return exception;
        }
    }

    private static void Write(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("traceparent", HandWritten);
        request.Headers.TryAddWithoutValidation("tracestate", "vendor=1");
        request.Headers.TryAddWithoutValidation("Request-Id", "|one.");
        request.Headers.TryAddWithoutValidation("Correlation-Context", ["a=1", "b=2"]);
    }

    private static string Show(ReceivedRequest request) => string.Join(
        ' ', Names.Select(name => string.Join(", ", (IEnumerable<string?>)request[name])));

    private static HttpMessageHandler CreatePrimary(bool isHttpClientHandler) =>
        isHttpClientHandler ? new HttpClientHandler() : new SocketsHttpHandler();

    private static void ThrowForActivities(object? sender, ActivityChangedEventArgs change)
    {
        if (change.Current is not null)
            throw new InvalidOperationException("the observer's");
    }

    private static void Throw(object? sender, ActivityChangedEventArgs change) => throw new InvalidOperationException("the observer's");

    private static ActivityListener Listen()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    /// <summary>Sends a message three times: with one trace, with another one, and with none.</summary>
    private sealed class ThreeAttempts(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            foreach (var trace in new[] { HandWritten, HandWritten.Replace("0af7", "0af8", StringComparison.Ordinal) })
            {
                request.Headers.Remove("traceparent");
                request.Headers.TryAddWithoutValidation("traceparent", trace);
                (await base.SendAsync(request, cancellationToken)).Dispose();
            }

            request.Headers.Remove("traceparent");
            return await base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Content that is made by calling something while it is sent.</summary>
    private sealed class PushContent(Func<Task> call) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await call();
            await stream.WriteAsync("sent"u8.ToArray());
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
