using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>Mistakes of a setup that the log names, once. The pages have the texts.</summary>
public sealed class MistakesTests
{
    private const string Run = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    [Test]
    public void Client_WithTheHandlerTwice_IsNamedOnce()
    {
        var lines = new LogLines();
        var services = CreateServices(lines);
        services.AddHttpClient("answers")
            .AddHttpMessageHandler<LangSmithPropagationHandler>().AddHttpMessageHandler<LangSmithPropagationHandler>().AddLangSmithPropagation();
        services.AddHttpClient("others").AddLangSmithPropagation().AddHttpMessageHandler<LangSmithPropagationHandler>();
        using var provider = services.BuildServiceProvider();

        _ = Create(provider, "answers");
        _ = Create(provider, "others");

        Assert.That(Texts(lines, "HandlerTwice"), Is.EqualTo(
            new[] { "HttpClient 'answers' has 2 LangSmithPropagationHandlers. The outermost is used, and the others were removed. Register it once." }));
    }

    [Test]
    public void AddLangSmithPropagation_ForAllClientsAndForOne_IsNoMistake()
    {
        var lines = new LogLines();
        var services = CreateServices(lines);
        services.ConfigureHttpClientDefaults(static client => client.AddLangSmithPropagation(static options => options.Targets.Add("https://*.internal")));
        services.AddHttpClient("answers").AddLangSmithPropagation(static options => options.Targets.Add("https://answers.internal"));
        using var provider = services.BuildServiceProvider();

        var handlers = Create(provider, "answers");

        Assert.That(handlers.OfType<LangSmithPropagationHandler>().Count(), Is.EqualTo(1));
        Assert.That(Texts(lines, "HandlerTwice"), Is.Empty);
    }

    [Test]
    public async Task Server_WithoutTheMiddleware_SaysSoWhenItHasStarted([Values] bool isUsed)
    {
        var lines = new LogLines();
        await using var server = await TracedServer.StartAsync(
            static _ => { }, build: isUsed ? null : static _ => { }, logs: lines);

        Assert.That(Texts(lines, "MiddlewareMissing").Count, Is.EqualTo(isUsed ? 0 : 1));
    }

    [Test]
    public async Task Server_CallerIsNotTrusted_TheRulesAreNamedOnce([Values] bool isNobody)
    {
        var lines = new LogLines();
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGet("/", static () => "ok"),
            options => _ = isNobody ? options.Trust.Nobody() : options.Trust.FromNetworks("10.0.0.0/8").FromClientCertificate(static _ => true),
            logs: lines);

        for (var i = 0; i < 2; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.Add("langsmith-trace", Run);
            (await server.Client.SendAsync(request)).Dispose();
        }

        var texts = Texts(lines, "CallerNotTrusted");
        Assert.That(texts, Has.Count.EqualTo(isNobody ? 0 : 1));
        Assert.That(texts, Has.All.Contains("(FromNetworks, FromClientCertificate)").And.All.Not.Contains(Run));
    }

    private static ServiceCollection CreateServices(LogLines lines)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(lines).SetMinimumLevel(LogLevel.Trace)).AddLangSmith();
        return services;
    }

    private static List<HttpMessageHandler> Create(ServiceProvider provider, string client)
    {
        List<HttpMessageHandler> chain = [];
        for (var handler = provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(client);
            handler is DelegatingHandler delegating;
            handler = delegating.InnerHandler!)
            chain.Add(delegating);
        return chain;
    }

    private static List<string> Texts(LogLines lines, string name) =>
        [.. lines.Ours.Where(line => line.Event.Name == name).Select(static line => line.Text)];
}
