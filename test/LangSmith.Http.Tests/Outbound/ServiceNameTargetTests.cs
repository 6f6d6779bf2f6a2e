using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>Targets that are names of services, as an application writes them for service discovery.</summary>
public sealed class ServiceNameTargetTests : TwoOrigins
{
    [TestCase("https+http://catalog", "https+http://catalog")]
    [TestCase("http+https://catalog", "http+https://catalog")]
    [TestCase("https+http://_admin.catalog", "https+http://_admin.catalog")]
    [TestCase("https+http://*.shop", "https+http://catalog.shop")]
    [TestCase("http://catalog", "http://catalog")]
    public async Task Send_HandlerAboveDiscovery_TheNameIsCompared(string target, string name)
    {
        using var scope = Tracer.StartRun("ask");
        var discovery = new DiscoveryHandler(() => First.Origin) { InnerHandler = new SocketsHttpHandler() };
        var options = new LangSmithPropagationOptions { Targets = { target } };
        var received = await SendAsync(new LangSmithPropagationHandler(discovery, options), "/ok", new Uri(name));
        Assert.That(received.Single()["langsmith-trace"].ToString(), Is.EqualTo(scope.Run.DottedOrder));
    }

    [TestCase("https+http://catalog", "https://catalog")]
    [TestCase("https+http://catalog", "https+http://other")]
    public async Task Send_AnotherName_IsRefused(string target, string name)
    {
        using var scope = Tracer.StartRun("ask");
        var discovery = new DiscoveryHandler(() => First.Origin) { InnerHandler = new SocketsHttpHandler() };
        var options = new LangSmithPropagationOptions { Targets = { target } };
        var received = await SendAsync(new LangSmithPropagationHandler(discovery, options), "/ok", new Uri(name));
        Assert.That(received.Single()["langsmith-trace"], Is.Empty);
    }

    [Test]
    public async Task Send_HandlerBelowDiscovery_OneLineSaysWhatWasComparedAndWhereTheHandlerBelongs()
    {
        using var lines = new LogLines();
        var services = new ServiceCollection().AddLogging(logging => logging.AddProvider(lines)).AddLangSmith();
        services.AddHttpClient("catalog").AddHttpMessageHandler(() => new DiscoveryHandler(() => First.Origin))
            .AddLangSmithPropagation(static options => options.Targets.Add("https+http://catalog"));
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("catalog");
        using var scope = Tracer.StartRun("ask");

        for (var attempt = 0; attempt < 2; attempt++)
            (await http.GetAsync(new Uri("https+http://catalog/ok?case=below"))).Dispose();

        Assert.That(First.Received("below").Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 0, 0 }));
        Assert.That(lines.Ours.Where(static line => line.Event.Name == "TargetNotAllowed").Select(static line => line.Text), Is.EqualTo(new[]
        {
            $"A request to {First.Origin.GetLeftPart(UriPartial.Authority)} was sent without LangSmith headers, because the Targets of HttpClient 'catalog' "
                + "(https+http://catalog) do not name it. The handler compares the address after the handlers above it. If Targets name services, add the LangSmith handler before service "
                + "discovery. Further requests are only counted (langsmith.http.outbound, reason=target_not_allowed).",
        }));
    }
}
