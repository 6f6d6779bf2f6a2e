using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Tests of a service in the middle: a client with our handler calls a real server behind it.</summary>
public abstract class NextService
{
    private protected OriginServer Next { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartNext() => Next = await OriginServer.StartAsync(static (_, _) => Task.CompletedTask);

    [OneTimeTearDown]
    public async Task StopNext() => await Next.DisposeAsync();

    private protected static void AddNext(IServiceCollection services) =>
        services.AddHttpClient("next").AddHttpMessageHandler<LangSmithPropagationHandler>();

    private protected async Task CallNextAsync(HttpContext context, string caseId)
    {
        using var client = context.RequestServices.GetRequiredService<IHttpClientFactory>().CreateClient("next");
        using var response = await client.GetAsync(new Uri(Next.Origin, $"/?case={caseId}"));
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Our headers of every call the next server received, as <c>trace baggage</c>.</summary>
    private protected string[] Received(string caseId) =>
        [.. Next.Received(caseId).Select(static request => $"{request["langsmith-trace"]} {request["baggage"]}".Trim())];
}
