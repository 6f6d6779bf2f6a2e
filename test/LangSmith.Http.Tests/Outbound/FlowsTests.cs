using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Many flows through one pooled client.</summary>
[NonParallelizable]
public sealed class FlowsTests
{
    private const int Flows = 1000;
    private const int RequestsPerFlow = 50;

    [Test]
    public async Task Send_ManyFlowsThroughOneClientWhileHandlersRotate_EveryRequestCarriesItsOwnRun()
    {
        var received = new ConcurrentBag<(string Flow, string Trace, string Baggage)>();
        await using var server = await OriginServer.StartAsync((context, _) =>
        {
            received.Add((context.Request.Query["flow"].ToString(), context.Request.Headers["langsmith-trace"].ToString(), context.Request.Headers["baggage"].ToString()));
            return Task.CompletedTask;
        });
        var primaries = 0;
        var services = new ServiceCollection().AddLangSmith();
        services.AddHttpClient("answers")
            .AddHttpMessageHandler<LangSmithPropagationHandler>()
            // A second is the shortest life the factory gives a handler.
            .SetHandlerLifetime(TimeSpan.FromSeconds(1))
            .ConfigurePrimaryHttpMessageHandler(() =>
            {
                Interlocked.Increment(ref primaries);
                return new SocketsHttpHandler { MaxConnectionsPerServer = 32 };
            });
        await using var provider = services.BuildServiceProvider();
        var factory = provider.GetRequiredService<IHttpClientFactory>();
        var tracer = new LangSmithTracer(new InMemoryRunRecorder(1), new LangSmithOptions { Tracing = true });
        var expected = new ConcurrentDictionary<string, string>();

        await Task.WhenAll(Enumerable.Range(0, Flows).Select(flow => Task.Run(async () =>
        {
            using var scope = tracer.StartRun("flow");
            scope.Run.AddMetadata("flow", flow);
            expected[$"{flow}"] = scope.Run.DottedOrder;
            for (var i = 0; i < RequestsPerFlow; i++)
            {
                using var http = factory.CreateClient("answers");
                using var response = await http.GetAsync(new Uri(server.Origin, $"/?case=flows&flow={flow}"));
                await Task.Yield();
            }
        })));

        Assert.That(received, Has.Count.EqualTo(Flows * RequestsPerFlow));
        Assert.That(primaries, Is.GreaterThan(1), "handlers rotated");
        Assert.That(received.Where(request => request.Trace != expected[request.Flow]), Is.Empty);
        Assert.That(received.Where(static request => request.Baggage != $"langsmith-metadata=%7B%22flow%22%3A{request.Flow}%7D,langsmith-project=default"), Is.Empty);
    }
}
