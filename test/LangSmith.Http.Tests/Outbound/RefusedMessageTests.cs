using System.Diagnostics;

namespace LangSmith.Http.Tests;

/// <summary>A message that may not have the headers leaves without any, whoever wrote them and in whichever run.</summary>
public sealed class RefusedMessageTests
{
    private const string HandWrittenTrace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";
    private static readonly Uri Uri = new("https://partner.example/ask");

    private readonly LangSmithTracer _tracer = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });

    [Test]
    public async Task Send_InRunOneThenByAClientThatRefusesIt_NothingOfOursLeaves([Values] bool isInRunTwo, [Values] bool isSampledOut)
    {
        var tracer = isSampledOut ? new LangSmithTracer(new Nobody(), new LangSmithOptions { Tracing = true }) : _tracer;
        var stub = new StubHandler();
        using var open = new HttpMessageInvoker(new LangSmithPropagationHandler(stub));
        using var narrow = new HttpMessageInvoker(new LangSmithPropagationHandler(stub, Internal()));
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri);
        request.Headers.TryAddWithoutValidation("baggage", "userId=alice");

        using (tracer.StartRun("one"))
            await open.SendAsync(request, default);
        using (isInRunTwo ? _tracer.StartRun("two") : null)
            await narrow.SendAsync(request, default);

        Assert.That(stub.Sent[0]["baggage"].Single(), Does.Contain("langsmith-"));
        Assert.That(stub.Sent[1], Is.EqualTo(new Dictionary<string, string[]> { ["baggage"] = ["userId=alice"] }));
    }

    [Test]
    public async Task Send_HandWrittenHeadersToARefusedOrigin_AreRemovedAndCounted([Values] bool hasRun)
    {
        using var scope = hasRun ? _tracer.StartRun("ask") : null;
        using var counts = new Counts();
        var stub = new StubHandler();
        using var narrow = new HttpMessageInvoker(new LangSmithPropagationHandler(stub, Internal()));
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri);
        request.Headers.TryAddWithoutValidation("langsmith-trace", HandWrittenTrace);
        request.Headers.TryAddWithoutValidation("baggage", "langsmith-project=mine,userId=alice");

        await narrow.SendAsync(request, default);

        Assert.That(stub.Sent.Single(), Is.EqualTo(new Dictionary<string, string[]> { ["baggage"] = ["userId=alice"] }));
        Assert.That(counts["langsmith.http.outbound:target_not_allowed"], Is.EqualTo(1));
    }

    [Test]
    public async Task Send_NoRunAndNothingOfOurs_IsCountedAsNoRun()
    {
        using var counts = new Counts();
        using var narrow = new HttpMessageInvoker(new LangSmithPropagationHandler(new StubHandler(), Internal()));
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri);
        request.Headers.TryAddWithoutValidation("baggage", "userId=alice");
        await narrow.SendAsync(request, default);
        Assert.That((counts["langsmith.http.outbound:no_run"], counts["langsmith.http.outbound:target_not_allowed"]), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Send_RefusedUnderAnActivityWithACallersMembers_TheRuntimeRelaysNoneOfThem([Values] bool followsRedirects)
    {
        await using var server = await OriginServer.StartAsync(static (_, _) => Task.CompletedTask);
        using var activity = new Activity("request").AddBaggage("tenant", "7").AddBaggage("langsmith-project", "INBOUND").Start();
        using var scope = _tracer.StartRun("ask");
        using var invoker = new HttpMessageInvoker(
            new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = followsRedirects }, Internal()));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Origin, "/ok?case=refused"));

        (await invoker.SendAsync(request, default)).Dispose();

        Assert.That(server.Received("refused").Single()["baggage"].ToArray(), Is.EqualTo(new[] { "tenant=7" }));
    }

    private static LangSmithPropagationOptions Internal() => new() { Targets = { "https://*.internal" } };

    private sealed class Nobody : IRunRecorder
    {
        public bool ShouldRecord(Guid traceId) => false;

        public void OnStart(RunSnapshot run)
        {
        }

        public void OnEnd(RunSnapshot run)
        {
        }
    }
}
