using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>
/// Requests that follow one another, or come at once, and do not see each other's runs. Every other one has headers, each
/// different.
/// </summary>
public sealed class ConnectionTests
{
    private static readonly string[] Kinds = ["awaits", "synchronous", "throws", "awaits-and-throws", "starts-none"];

    private readonly ConcurrentDictionary<int, Seen> _seen = new();
    private readonly ConcurrentDictionary<string, bool> _connections = new();

    [SetUp]
    public void Forget()
    {
        _seen.Clear();
        _connections.Clear();
    }

    [TestCase(1, 10_000)]
    [TestCase(200, 50)]
    public async Task KeptAliveConnections_NoRequestSeesAnothersRun(int connections, int requests)
    {
        await using var server = await TracedServer.StartAsync(Map);

        await SendAsync(server, connections, requests);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wrong(), Is.Empty);
            Assert.That(_seen, Has.Count.EqualTo(connections * requests));
            Assert.That(_connections, Has.Count.EqualTo(connections));
        }
    }

    [Test]
    public async Task KeptAliveConnection_MiddlewareThatRemembers_IsFoundOut()
    {
        RunContext? last = null;
        await using var server = await TracedServer.StartAsync(Map, build: app => app.Use(async (context, next) =>
        {
            if (RunContext.TryExtract(context.Request.Headers, static (headers, name) => headers[name], out var parent))
                last = parent;
            using (TracingContext.UseParent(last))
                await next(context);
        }));

        await SendAsync(server, 1, 100);

        Assert.That(Wrong(), Has.Length.EqualTo(50));
    }

    // Kestrel restores the execution context for each request; other servers need not.
    [Test]
    public async Task RequestsInOneFlowOfExecution_LeaveNothingBehind()
    {
        using var pipeline = new InboundPipeline(Handle);

        var left = await InvokeAsync(pipeline.Invoke, 1000);

        Assert.That(left, Is.Zero);
        Assert.That(Wrong(), Is.Empty);
        Assert.That(_seen, Has.Count.EqualTo(1000));
    }

    [Test]
    public async Task RequestsInOneFlowOfExecution_MiddlewareThatIsNotAsync_IsFoundOut()
    {
        using var services = new ServiceCollection().AddLangSmith(static options => options.Tracing = true).BuildServiceProvider();
        var tracer = services.GetRequiredService<LangSmithTracer>();

        var left = await InvokeAsync(Middleware, 100);

        Assert.That(left, Is.EqualTo(100));
        Assert.That(Wrong(), Has.Length.GreaterThan(50));

        Task Middleware(HttpContext context)
        {
            if (RunContext.TryExtract(context.Request.Headers, static (headers, name) => headers[name], out var parent))
                TracingContext.UseParent(parent);
            return Handle(context, tracer);
        }
    }

    private static string TraceOf(int request) => $"20231114T221320{request:D6}Z018bcfe5-687b-7000-8000-{request:x12}";

    private static string KindOf(int request) => Kinds[request / 2 % Kinds.Length];

    private static (string Name, string Value)[] HeadersOf(int request) =>
        request % 2 == 0 ? [("langsmith-trace", TraceOf(request)), ("baggage", $"langsmith-project=p-{request}")] : [];

    private static async Task SendAsync(TracedServer server, int connections, int requests) =>
        await Task.WhenAll(Enumerable.Range(0, connections).Select(async connection =>
        {
            await Task.Yield();
            using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = server.Origin };
            for (var request = connection * requests; request < (connection + 1) * requests; request++)
            {
                using var message = new HttpRequestMessage(HttpMethod.Get, $"/{request}");
                foreach (var (name, value) in HeadersOf(request))
                    message.Headers.TryAddWithoutValidation(name, value);
                using var response = await client.SendAsync(message);
            }
        }));

    // As a server does that leaves the flow of execution alone. Returns how often something was current behind a request.
    private static async Task<int> InvokeAsync(RequestDelegate app, int requests)
    {
        var left = 0;
        for (var request = 0; request < requests; request++)
        {
            var context = new DefaultHttpContext();
            context.Connection.Id = "none";
            context.Request.Path = $"/{request}";
            foreach (var (name, value) in HeadersOf(request))
                context.Request.Headers[name] = value;
            try
            {
                await app(context);
            }
            catch (InvalidOperationException) when (KindOf(request).EndsWith("throws", StringComparison.Ordinal))
            {
            }

            left += Ambient.Current is null ? 0 : 1;
        }

        return left;
    }

    private void Map(WebApplication app) => app.Run(context => Handle(context, app.Services.GetRequiredService<LangSmithTracer>()));

    private Task Handle(HttpContext context, LangSmithTracer tracer)
    {
        _connections[context.Connection.Id] = true;
        var request = int.Parse(context.Request.Path.Value![1..], CultureInfo.InvariantCulture);
        var parent = Ambient.Current?.Context;
        _seen[request] = new Seen(parent?.DottedOrder, null, parent?.Project);
        switch (KindOf(request))
        {
            case "awaits":
                return tracer.RunAsync("work", async run =>
                {
                    await Task.Yield();
                    See(run);
                });
            case "synchronous":
                tracer.Run("work", See);
                return Task.CompletedTask;
            case "throws":
                tracer.Run("work", See);
                throw new InvalidOperationException();
            case "awaits-and-throws":
                return tracer.RunAsync("work", async run =>
                {
                    await Task.Yield();
                    See(run);
                    throw new InvalidOperationException();
                });
            default:
                return Task.CompletedTask;
        }

        void See(RunTree run) =>
            _seen[request] = new Seen(parent?.DottedOrder, run.ParentRunId is null ? "" : run.DottedOrder[..^59], run.Project);
    }

    private string[] Wrong()
    {
        return [.. _seen.Where(static pair => pair.Value != Expected(pair.Key)).Select(static pair => $"{pair.Key}: {pair.Value}")];

        static Seen Expected(int request)
        {
            var (trace, project) = request % 2 == 0 ? (TraceOf(request), $"p-{request}") : (null, null);
            return KindOf(request) == "starts-none" ? new Seen(trace, null, project) : new Seen(trace, trace ?? "", project ?? "server");
        }
    }

    /// <summary>What was current when the request came, what its run continues, and where that goes.</summary>
    private sealed record Seen(string? Parent, string? RunParent, string? Project);
}
