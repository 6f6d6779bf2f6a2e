using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;

namespace LangSmith.Http.Tests;

/// <summary>Whole services with the real OpenTelemetry, and what other endpoints and other clients get.</summary>
[NonParallelizable] // Activity listeners are the process's.
public sealed class ServiceTests
{
    private readonly LangSmithTracer _tracer = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });
    private TestService _first = null!;
    private TestService _other = null!;

    [SetUp]
    public async Task StartServices()
    {
        _other = await TestService.StartAsync();
        _first = await TestService.StartAsync();
        _first.Other = _other.Origin;
    }

    [TearDown]
    public async Task StopServices()
    {
        await _first.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Test]
    public async Task Service_OutsiderNamesAProject_TheNextServiceGetsOurs()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddOpenTelemetry().WithTracing(static tracing => tracing.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation());
        builder.Services.AddLangSmith(static options =>
        {
            options.Tracing = true;
            options.Project = "own";
        });
        builder.Services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        builder.Services.AddLangSmithInbound(static options => options.Trust.Nobody());
        builder.Services.AddHttpClient("next").ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler())
            .AddHttpMessageHandler<LangSmithPropagationHandler>();
        await using var app = builder.Build();
        app.UseLangSmithTracing();
        app.MapGet("/", async (IHttpClientFactory clients, LangSmithTracer tracer) =>
        {
            using var scope = tracer.StartRun("ask");
            using var http = clients.CreateClient("next");
            using var response = await http.GetAsync(new Uri(_first.Origin, "/ok"));
        });
        await app.StartAsync();
        using var outsider = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, app.Urls.Single());
        request.Headers.TryAddWithoutValidation("baggage", "langsmith-project=EVIL,userId=alice");

        (await outsider.SendAsync(request)).Dispose();

        var received = _first.Received.Single();
        Assert.That(received["baggage"].ToArray(), Has.Length.EqualTo(1));
        Assert.That(received["baggage"].ToString(), Does.StartWith("langsmith-project=own").And.Not.Contain("EVIL").And.Contain("userId=alice"));
    }

    [Test]
    public async Task Send_ServiceDiscoveryRetriesAtAnotherEndpoint_HeadersAreKept()
    {
        var services = Services();
        services.AddServiceDiscovery();
        services.AddHttpClient("catalog").AddHttpMessageHandler(static () => new RetryHandler()).AddLangSmithPropagation().AddServiceDiscovery();

        var sent = await SendAsync(services, "catalog", new Uri("http://catalog/flaky"));

        Assert.That(_first.Received.Concat(_other.Received).Count(), Is.GreaterThan(1));
        Assert.That(_first.Received.Concat(_other.Received).Select(static received => received["langsmith-trace"].ToString()), Has.All.EqualTo(sent));
    }

    [Test]
    public async Task Send_HedgingToAnotherHost_HeadersAreKept([Values] bool isAbove)
    {
        var services = Services();
        var builder = services.AddHttpClient("hedged");
        if (!isAbove)
            builder.AddLangSmithPropagation();
        builder.AddStandardHedgingHandler(routing => routing.ConfigureOrderedGroups(options =>
        {
            options.Groups.Add(new UriEndpointGroup { Endpoints = { new WeightedUriEndpoint { Uri = _first.Origin } } });
            options.Groups.Add(new UriEndpointGroup { Endpoints = { new WeightedUriEndpoint { Uri = _other.Origin } } });
        }));
        if (isAbove)
            builder.AddLangSmithPropagation();

        _first.IsUnavailable = true;

        var sent = await SendAsync(services, "hedged", new Uri(_first.Origin, "/ok"));

        Assert.That((_first.Received.Length, _other.Received.Length), Is.EqualTo((1, 1)));
        Assert.That(_other.Received.Concat(_first.Received).Select(static received => received["langsmith-trace"].ToString()), Has.All.EqualTo(sent));
        Assert.That(_other.Received.Concat(_first.Received).Select(static received => received["baggage"].ToString()), Has.All.EqualTo("langsmith-project=own"));
    }

    [Test]
    public async Task Send_ClientWithoutTheHandler_NoEventAndNoTraceparent()
    {
        // Somebody listens and wants nothing, so that we have to ask for an activity; and observes some hosts only.
        using var activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(activities);
        using var observer = new HostObserver(_first.Origin.Port);
        using var ours = new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler()));
        using var plain = new HttpClient();
        using var scope = _tracer.StartRun("ask");

        (await ours.GetAsync(new Uri(_other.Origin, "/ok"))).Dispose();
        observer.Events.Clear();
        (await plain.GetAsync(new Uri(_other.Origin, "/ok"))).Dispose();

        Assert.That(observer.Events, Is.Empty);
        Assert.That(_other.Received.Select(static received => received["traceparent"].Count), Is.EqualTo(new[] { 0, 0 }));
        Assert.That(_other.Received.Select(static received => received["langsmith-trace"].Count), Is.EqualTo(new[] { 1, 0 }));
    }

    private ServiceCollection Services()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(
        [
            new("Services:catalog:http:0", _first.Origin.Authority),
            new("Services:catalog:http:1", _other.Origin.Authority),
        ]).Build());
        services.AddLangSmith();
        return services;
    }

    private async Task<string> SendAsync(ServiceCollection services, string client, Uri uri)
    {
        await using var provider = services.BuildServiceProvider();
        using var scope = _tracer.StartRun("ask");
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient(client);
        using var response = await http.GetAsync(uri);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return scope.Run.DottedOrder;
    }

    /// <summary>Wants events of one port only.</summary>
    private sealed class HostObserver : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly int _port;
        private readonly List<IDisposable> _subscriptions = [];

        public HostObserver(int port)
        {
            _port = port;
            _subscriptions.Add(DiagnosticListener.AllListeners.Subscribe(this));
        }

        public List<string> Events { get; } = [];

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "HttpHandlerDiagnosticListener")
                _subscriptions.Add(value.Subscribe(this, (name, request, _) => name.StartsWith("System.Net.Http.HttpRequestOut", StringComparison.Ordinal)
                    && (request is not HttpRequestMessage message || message.RequestUri!.Port == _port)));
        }

        public void OnNext(KeyValuePair<string, object?> value) => Events.Add(value.Key);

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose() => _subscriptions.ForEach(static subscription => subscription.Dispose());
    }
}
