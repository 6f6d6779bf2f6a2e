using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Handlers that were made without a chain below them.</summary>
public sealed class UnattachedHandlerTests : TwoOrigins
{
    [Test]
    public void Send_NoInnerHandler_TheMessageSaysHowToGetOne([Values] bool isAsync, [Values] bool hasOptions)
    {
        using var scope = Tracer.StartRun("ask");
        using var counts = new Counts();
        using var handler = hasOptions ? new LangSmithPropagationHandler(new LangSmithPropagationOptions()) : new LangSmithPropagationHandler();
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, First.Origin);

        var exception = isAsync
            ? Assert.ThrowsAsync<InvalidOperationException>(() => http.SendAsync(request))
            : Assert.Throws<InvalidOperationException>(() => http.Send(request));

        Assert.That(exception!.Message, Does.Contain("AddHttpMessageHandler").And.Contain("new SocketsHttpHandler()"));
        Assert.That(counts["langsmith.http.outbound:injected"], Is.Zero);
    }

    [Test]
    public void Send_AsTheFactorysPrimaryHandler_TheMessageSaysWhereItBelongs()
    {
        var services = new ServiceCollection().AddLangSmith();
        services.AddHttpClient("answers").ConfigurePrimaryHttpMessageHandler<LangSmithPropagationHandler>();
        using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        var exception = Assert.ThrowsAsync<InvalidOperationException>(() => http.GetAsync(First.Origin));
        Assert.That(exception!.Message, Does.Contain("AddHttpMessageHandler"));
    }

    [Test]
    public async Task Send_OptionsInAHandlerListOfAClientLibrary_AreHonoured()
    {
        using var scope = Tracer.StartRun("ask");
        DelegatingHandler[] list = [new LangSmithPropagationHandler(new LangSmithPropagationOptions { Targets = { First.Origin.GetLeftPart(UriPartial.Authority) } })];
        list[0].InnerHandler = new SocketsHttpHandler();
        var allowed = await SendAsync(list[0], "/ok");
        var refused = await SendAsync(list[0], "/ok", Other.Origin);
        Assert.That((allowed.Single()["langsmith-trace"].Count, refused.Single()["langsmith-trace"].Count), Is.EqualTo((1, 0)));
    }

    [Test]
    public void Constructor_InvalidOptions_Throws()
    {
        var exception = Assert.Throws<ArgumentException>(() => new LangSmithPropagationHandler(new LangSmithPropagationOptions { Targets = { "answers" } }).Dispose());
        Assert.That(exception!.Message, Does.Contain("'answers' is not an origin"));
        Assert.Throws<ArgumentNullException>(() => new LangSmithPropagationHandler((LangSmithPropagationOptions)null!).Dispose());
    }
}
