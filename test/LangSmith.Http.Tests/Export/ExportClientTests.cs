using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Export;

/// <summary>The exporter's HTTP client: nobody else's configuration reaches LangSmith, the user's own does.</summary>
[NonParallelizable] // Activity listeners are the process's.
public sealed class ExportClientTests
{
    private IngestServer _server = null!;

    [SetUp]
    public async Task StartServer() => _server = await IngestServer.StartAsync();

    [TearDown]
    public async Task StopServer() => await _server.DisposeAsync();

    [Test]
    public async Task Defaults_ForAllClients_DoNotReachLangSmith([Values] bool defaultsFirst, [Values] bool otherClientFirst)
    {
        var counted = new ConcurrentQueue<Uri>();
        var services = new ServiceCollection();
        if (otherClientFirst)
            services.AddHttpClient("other");
        if (defaultsFirst)
            AddDefaults(services, counted);
        AddExport(services);
        if (!defaultsFirst)
            AddDefaults(services, counted);
        await PostARunAsync(services, async (provider, _) =>
        {
            using var other = provider.GetRequiredService<IHttpClientFactory>().CreateClient("other");
            using var response = await other.PutAsync(new Uri(_server.Endpoint), new StringContent("x"));
        });

        var toLangSmith = _server.Received.Where(static request => request.Method != "PUT").ToList();
        Assert.That(toLangSmith.Select(static request => $"{request.Method} {request.Path}"), Is.EqualTo(["GET /info", "POST /runs/multipart"]));
        using (Assert.EnterMultipleScope())
        {
            foreach (var request in toLangSmith)
                Assert.That(request.Headers.Keys.Except(["Accept", "Content-Length", "Content-Type", "Host", "User-Agent", "x-api-key"]), Is.Empty);
            Assert.That(counted, Has.Count.EqualTo(1), "the other client's");
            var other = _server.Received.Single(static request => request.Method == "PUT").Headers;
            Assert.That(other["Authorization"], Is.EqualTo("Bearer secret"));
            Assert.That(other.Keys, Has.Some.EqualTo("langsmith-trace"));
        }
    }

    [Test]
    public async Task Posting_InsideARunAndAnActivity_CarriesNeitherAndMakesNoActivity([Values] bool ownHandler)
    {
        var made = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name is "System.Net.Http" or "Test",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = activity =>
            {
                if (activity.Source.Name == "System.Net.Http")
                    made.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("Test");
        using var activity = source.StartActivity("request");
        activity!.AddBaggage("user", "u-1");
        var services = AddExport(new ServiceCollection());
        if (ownHandler)
            services.AddHttpClient(LangSmithExporter.HttpClientName).ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler());
        await PostARunAsync(services, (_, _) => Task.CompletedTask);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_server.Received, Has.Count.EqualTo(2));
            Assert.That(_server.Received.SelectMany(static request => request.Headers.Keys), Has.None.AnyOf("traceparent", "tracestate", "baggage", "Correlation-Context", "Request-Id", "langsmith-trace"));
            Assert.That(made, Is.Empty);
        }
    }

    [Test]
    public async Task Client_ConfiguredByItsName_IsTheUsers([Values] bool before)
    {
        var proxied = new ConcurrentQueue<Uri>();
        var services = new ServiceCollection();
        if (!before)
            AddExport(services);
        services.AddHttpClient(LangSmithExporter.HttpClientName, static client => client.DefaultRequestHeaders.Add("x-mine", "1"))
            .ConfigureHttpClient(static (_, client) => client.DefaultRequestHeaders.Add("x-too", "1"))
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { Proxy = new Via(new Uri(_server.Endpoint), proxied) })
            .AddHttpMessageHandler(() => new Stamp());
        if (before)
            AddExport(services);
        services.Configure<LangSmithExportOptions>(static options => options.Endpoint = "http://langsmith.invalid/api");
        await PostARunAsync(services, (_, _) => Task.CompletedTask);

        Assert.That(_server.Received.Select(static request => request.Path), Is.EqualTo(["/api/info", "/api/runs/multipart"]));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(proxied, Has.Count.GreaterThanOrEqualTo(1));
            foreach (var request in _server.Received)
            {
                Assert.That(request.Headers["Host"], Is.EqualTo("langsmith.invalid"));
                Assert.That((request.Headers["x-mine"], request.Headers["x-too"]), Is.EqualTo(("1", "1")), "added once");
                Assert.That(request.Headers["x-stamp"], Is.EqualTo("1"));
            }
        }
    }

    [Test]
    public async Task Redirect_OfAnyServer_IsNotFollowedWithTheKey([Values] bool ownHandler)
    {
        await using var redirecting = await RedirectingAsync(307);
        var services = AddExport(new ServiceCollection());
        services.Configure<LangSmithExportOptions>(options => options.Endpoint = redirecting.Origin.ToString());
        if (ownHandler)
            services.AddHttpClient(LangSmithExporter.HttpClientName).ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler());
        await PostARunAsync(services, (_, _) => Task.CompletedTask);

        Assert.That(_server.Received, Is.Empty);
        Assert.That(redirecting.Received(""), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Redirect_WithTheUsersHandler_IsNotFollowedWithTheKey([Values] bool container)
    {
        await using var redirecting = await RedirectingAsync(307);
        if (container)
        {
            var services = AddExport(new ServiceCollection());
            services.Configure<LangSmithExportOptions>(options => options.Endpoint = redirecting.Origin.ToString());
            services.AddHttpClient(LangSmithExporter.HttpClientName).ConfigurePrimaryHttpMessageHandler(static () => new Stamp { InnerHandler = new SocketsHttpHandler() });
            await PostARunAsync(services, (_, _) => Task.CompletedTask);
        }
        else
        {
            await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = redirecting.Origin.ToString(), ApiKey = "key" }, new SocketsHttpHandler());
            new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run").Dispose();
            Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        }

        Assert.That(_server.Received, Is.Empty);
        Assert.That(redirecting.Received(""), Has.Length.EqualTo(2));
    }

    [Test]
    public async Task Handler_ThatWasInUseBefore_PostsRuns_AndIsWarnedOfOnce([Values] bool followsRedirects)
    {
        var lines = new LogLines();
        var shared = await UsedHandlerAsync(followsRedirects);
        var services = AddExport(new ServiceCollection());
        services.AddLogging(logging => logging.AddProvider(lines));
        services.AddHttpClient(LangSmithExporter.HttpClientName).ConfigurePrimaryHttpMessageHandler(() => shared);
        await PostARunAsync(services, async (provider, _) => await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30)));

        Assert.That(_server.Posts, Has.Count.EqualTo(2));
        Assert.That(
            lines.Ours.Where(static line => line.Level >= LogLevel.Warning).Select(static line => (line.Event.Name, line.Text.Contains("AllowAutoRedirect", StringComparison.Ordinal))),
            Is.EqualTo(followsRedirects ? [("FollowsRedirects", true)] : Array.Empty<(string?, bool)>()));
    }

    [Test]
    public async Task Handler_OfOthers_IsStillTheirsWhenTheExporterHasEnded()
    {
        using var shared = new SocketsHttpHandler();
        var services = AddExport(new ServiceCollection());
        services.AddHttpClient(LangSmithExporter.HttpClientName).ConfigurePrimaryHttpMessageHandler(() => shared);
        await PostARunAsync(services, (_, _) => Task.CompletedTask);
        using var theirs = new HttpClient(shared, disposeHandler: false);
        using var response = await theirs.PutAsync(new Uri(_server.Endpoint), new StringContent("x"));
        Assert.That(_server.Received.Select(static request => request.Method), Is.EqualTo(["GET", "POST", "PUT"]));
    }

    [Test]
    public async Task Handler_WithAScopedService_HasTheScopeOfTheExporter()
    {
        var services = AddExport(new ServiceCollection()).AddScoped<Scoped>().AddTransient<ScopedHandler>();
        services.AddHttpClient(LangSmithExporter.HttpClientName).AddHttpMessageHandler<ScopedHandler>();
        Scoped service;
        await using (var provider = services.BuildServiceProvider(validateScopes: true))
        {
            await provider.GetRequiredService<LangSmithTracer>().RunAsync("ask", static _ => Task.CompletedTask);
            var exporter = provider.GetRequiredService<LangSmithExporter>();
            Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
            service = ScopedHandler.Last!;
            Assert.That(_server.Received.Select(static request => request.Headers["Authorization"]), Is.EqualTo(["Bearer scoped", "Bearer scoped"]));
            Assert.That(service.IsDisposed, Is.False);
        }

        Assert.That(service.IsDisposed, Is.True);
    }

    [Test]
    public async Task Redirect_ThatSuchAHandlerFollows_IsADrop_AndNoSuccess()
    {
        await using var redirecting = await RedirectingAsync(302);
        await using var bed = new ExportBed(redirecting.Origin, null, await UsedHandlerAsync(followsRedirects: true));
        bed.Trace("t", 0);
        await bed.FlushAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_server.Received.Select(static request => $"{request.Method} {request.Path}"), Does.Contain("GET /runs/multipart"), "answered with 200");
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["rejected"] = 2 }));
            Assert.That(bed.Exporter.PostedOperations, Is.Zero);
        }
    }

    [Test]
    public async Task Filter_OfTheFactory_DoesNotReachLangSmith()
    {
        var services = AddExport(new ServiceCollection());
        services.AddSingleton<IHttpMessageHandlerBuilderFilter, TokenFilter>();
        await PostARunAsync(services, async (provider, _) =>
        {
            using var other = provider.GetRequiredService<IHttpClientFactory>().CreateClient("other");
            using var response = await other.PutAsync(new Uri(_server.Endpoint), new StringContent("x"));
        });
        Assert.That(
            _server.Received.Select(static request => $"{request.Method} {request.Headers.GetValueOrDefault("Authorization")}"),
            Is.EquivalentTo(["GET ", "POST ", "PUT Bearer secret"]));
    }

    private Task<OriginServer> RedirectingAsync(int status) => OriginServer.StartAsync((context, _) =>
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Location = _server.Endpoint + context.Request.Path;
        return Task.CompletedTask;
    });

    /// <summary>One that cannot be told any more what to do about redirects.</summary>
    private static async Task<SocketsHttpHandler> UsedHandlerAsync(bool followsRedirects)
    {
        await using var before = await OriginServer.StartAsync(static (_, _) => Task.CompletedTask);
        var handler = new SocketsHttpHandler { AllowAutoRedirect = followsRedirects };
        using var client = new HttpClient(handler, disposeHandler: false);
        using var response = await client.GetAsync(before.Origin);
        return handler;
    }

    private static void AddDefaults(IServiceCollection services, ConcurrentQueue<Uri> counted) => services.ConfigureHttpClientDefaults(builder => builder
        .ConfigureHttpClient(static client => client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret"))
        .ConfigureHttpClient(static (_, client) => client.DefaultRequestHeaders.Add("x-internal", "1"))
        .AddHttpMessageHandler(() => new Count(counted))
        .AddHttpMessageHandler<LangSmithPropagationHandler>()
        .AddLangSmithPropagation());

    private IServiceCollection AddExport(IServiceCollection services) => services
        .AddLangSmith(static options => options.Tracing = true)
        .AddLangSmithExport(options => (options.Endpoint, options.ApiKey) = (_server.Endpoint, "key"));

    private static async Task PostARunAsync(IServiceCollection services, Func<IServiceProvider, RunTree, Task> inside)
    {
        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<LangSmithTracer>().RunAsync("ask", run => inside(provider, run));
        Assert.That(await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
    }

    private sealed class Count(ConcurrentQueue<Uri> counted) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            counted.Enqueue(request.RequestUri!);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class TokenFilter : IHttpMessageHandlerBuilderFilter
    {
        public Action<HttpMessageHandlerBuilder> Configure(Action<HttpMessageHandlerBuilder> next) => builder =>
        {
            next(builder);
            builder.AdditionalHandlers.Add(new Token());
        };
    }

    private sealed class Token : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "secret");
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class Scoped : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class ScopedHandler : DelegatingHandler
    {
        public ScopedHandler(Scoped service) => Last = service;

        public static Scoped? Last { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "scoped");
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class Stamp : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Add("x-stamp", "1");
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class Via(Uri proxy, ConcurrentQueue<Uri> asked) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri? GetProxy(Uri destination)
        {
            asked.Enqueue(destination);
            return proxy;
        }

        public bool IsBypassed(Uri host) => false;
    }
}
