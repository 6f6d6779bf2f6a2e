using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace LangSmith.Http.Tests;

/// <summary>
/// OpenTelemetry's ASP.NET Core instrumentation reads the headers when a request starts, before any middleware, and its
/// HTTP client instrumentation writes what it read into requests. The packages are not on our feed: what they do is done
/// here, with the real propagators.
/// </summary>
[NonParallelizable] // The propagator and diagnostic listeners are the process's.
public sealed class OpenTelemetryBaggageTests
{
    private RawServer _third = null!;
    private TextMapPropagator _before = null!;

    [SetUp]
    public void Start()
    {
        _before = Propagators.DefaultTextMapPropagator;
        Sdk.SetDefaultTextMapPropagator(new CompositeTextMapPropagator([new TraceContextPropagator(), new BaggagePropagator()]));
        _third = new RawServer();
    }

    [TearDown]
    public async Task Stop()
    {
        Sdk.SetDefaultTextMapPropagator(_before);
        await _third.DisposeAsync();
    }

    [TestCase("langsmith-project=evil,tenant=7")]
    [TestCase("tenant=7, LangSmith-Project = evil ,langsmith-tags=a")]
    [TestCase("tenant=7,langsmith%2Dproject=evil,+langsmith-tags=b")]
    public async Task Request_OpenTelemetrysBaggage_HasNothingOfOursOnceTheRecipeRan(string baggage)
    {
        var caller = $"baggage: {baggage}";
        var leaking = await RelayAsync(withRecipe: false, [caller]);
        Assert.That(leaking.Single(), Does.Contain("langsmith").IgnoreCase, "the test can fail");

        // One connection: the caller, another one, the caller again, nobody.
        var clean = await RelayAsync(withRecipe: true, [caller], ["baggage: user=u"], [caller], []);
        Assert.That(clean, Is.EqualTo(new[] { "tenant=7", "user=u", "tenant=7", "" }));
    }

    private async Task<string[]> RelayAsync(bool withRecipe, params string[][] requests)
    {
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/", async () =>
            {
                using var http = new HttpClient(new InstrumentedHandler { InnerHandler = new SocketsHttpHandler { ActivityHeadersPropagator = null } });
                return await http.GetStringAsync(_third.Origin);
            }),
            build: app =>
            {
                app.UseLangSmithTracing();
                if (!withRecipe)
                    return;
                // The README's recipe.
                app.Use((context, next) =>
                {
                    Baggage.Current = Propagators.DefaultTextMapPropagator.Extract(default, context.Request.Headers, (headers, name) => headers[name]).Baggage;
                    return next(context);
                });
            });
        using var instrumentation = server.Services.GetRequiredService<DiagnosticListener>().Subscribe(new RequestInstrumentation());
        var answers = await RawServer.SendAsync(server.Origin, requests);
        Assert.That(answers.Split("HTTP/1.1 200 OK"), Has.Length.EqualTo(requests.Length + 1));
        return [.. _third.Heads[^requests.Length..].Select(static head => string.Join('|', RawServer.Lines(head, "baggage")))];
    }

    /// <summary>What the instrumentation of HttpClient does when a request starts.</summary>
    private sealed class InstrumentedHandler : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Propagators.DefaultTextMapPropagator.Inject(
                new PropagationContext(default, Baggage.Current), request.Headers, static (headers, name, value) => headers.Add(name, value));
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>What the instrumentation of ASP.NET Core does when a request starts.</summary>
    private sealed class RequestInstrumentation : IObserver<KeyValuePair<string, object?>>
    {
        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value is not { Key: "Microsoft.AspNetCore.Hosting.HttpRequestIn.Start", Value: HttpContext context })
                return;
            Baggage.Current = Propagators.DefaultTextMapPropagator.Extract(default, context.Request.Headers, static (headers, name) => headers[name]).Baggage;
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
