using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests;

public sealed class RegistrationTests
{
    private readonly List<StubHandler> _stubs = [];

    [Test]
    public void AddHttpMessageHandler_WithoutAddLangSmith_SaysWhatThePageQuotes()
    {
        var services = new ServiceCollection();
        services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>();
        using var provider = services.BuildServiceProvider();
        var exception = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers"));
        Assert.That(exception!.Message, Is.EqualTo("No service for type 'LangSmith.Http.LangSmithPropagationHandler' has been registered."));
        Assert.That(File.ReadAllText(Repository.PathTo("src/docs/troubleshooting.md")), Does.Contain(exception.Message));
    }

    [Test]
    public async Task Send_NamedTypedAndDefaultClients_AllCarryTheRun([Values("named", "typed", "defaults", "propagation")] string kind)
    {
        var services = Services();
        switch (kind)
        {
            case "named":
                Stub(services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>());
                break;
            case "typed":
                Stub(services.AddHttpClient<AnswerClient>().AddHttpMessageHandler<LangSmithPropagationHandler>());
                break;
            case "defaults":
                services.ConfigureHttpClientDefaults(builder => Stub(builder.AddHttpMessageHandler<LangSmithPropagationHandler>()));
                break;
            default:
                Stub(services.AddHttpClient("answers").AddLangSmithPropagation());
                break;
        }

        await using var provider = services.BuildServiceProvider();
        using var http = kind == "typed" ? provider.GetRequiredService<AnswerClient>().Http : provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var scope = provider.GetRequiredService<LangSmithTracer>().StartRun("ask");
        using var response = await http.GetAsync(new Uri("https://answers.internal/"));
        Assert.That(_stubs.Single().Sent.Single()["langsmith-trace"], Is.EqualTo(new[] { scope.Run.DottedOrder }));
    }

    [Test]
    public async Task Send_EveryOrderOfRegistration_SameBytes()
    {
        Action<IServiceCollection>[] steps =
        [
            static services => services.AddLangSmith(),
            static services => services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>(),
            static services => services.AddHttpClient("answers").AddLangSmithPropagation(static options => options.MaxBaggageBytes = 100),
            static services => services.AddHttpClient("answers").AddHttpMessageHandler(static () => new RetryHandler()),
        ];
        var seen = new HashSet<string>();
        foreach (var order in Permutations(steps))
        {
            var services = Services();
            foreach (var step in order)
                step(services);
            Stub(services.AddHttpClient("answers"));
            await using var provider = services.BuildServiceProvider();
            using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
            using var scope = provider.GetRequiredService<LangSmithTracer>().StartRun("ask");
            scope.Run.AddMetadata("big", new string('x', 200));
            using var response = await http.GetAsync(new Uri("https://answers.internal/"));
            var sent = _stubs[^1].Sent.Single();
            Assert.That(sent["langsmith-trace"], Is.EqualTo(new[] { scope.Run.DottedOrder }));
            seen.Add(string.Join('|', sent["baggage"]));
        }

        Assert.That(seen, Is.EqualTo(new[] { "langsmith-project=default" }), "the client's own options hold in every order");
    }

    [Test]
    public void CreateClient_HandlerRegisteredManyTimes_IsThereOnce()
    {
        var services = Services().AddLangSmith();
        var builder = services.AddHttpClient("answers").AddLangSmithPropagation().AddLangSmithPropagation().AddHttpMessageHandler<LangSmithPropagationHandler>();
        services.ConfigureHttpClientDefaults(static defaults => defaults.AddLangSmithPropagation());
        var inChain = 0;
        builder.ConfigurePrimaryHttpMessageHandler(static () => new StubHandler());
        using var provider = services.BuildServiceProvider();
        for (var handler = provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler("answers") as DelegatingHandler; handler is not null; handler = handler.InnerHandler as DelegatingHandler)
            inChain += handler is LangSmithPropagationHandler ? 1 : 0;
        Assert.That(inChain, Is.EqualTo(1));
    }

    [Test]
    public async Task RemoveLangSmithPropagation_BeforeOrAfter_TakesTheClientOut([Values] bool isFirst)
    {
        var services = Services();
        if (isFirst)
            services.AddHttpClient("weather").RemoveLangSmithPropagation();
        services.ConfigureHttpClientDefaults(builder => Stub(builder.AddHttpMessageHandler<LangSmithPropagationHandler>()));
        if (!isFirst)
            services.AddHttpClient("weather").RemoveLangSmithPropagation();
        await using var provider = services.BuildServiceProvider();
        using var scope = provider.GetRequiredService<LangSmithTracer>().StartRun("ask");
        foreach (var name in new[] { "weather", "answers" })
        {
            using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient(name);
            using var response = await http.GetAsync(new Uri("https://answers.internal/"));
        }

        Assert.That(_stubs.Select(static stub => stub.Sent.Single().Count), Is.EqualTo(new[] { 0, 2 }));
    }

    [Test]
    public async Task AddTransientByHand_AsTheHttpClientDocumentationSays_TargetsAndKillSwitchHold([Values] bool isFirst, [Values] bool isOff)
    {
        var services = new ServiceCollection();
        if (isFirst)
            services.AddTransient<LangSmithPropagationHandler>();
        services.AddLangSmith(options => options.Enabled = !isOff);
        if (!isFirst)
            services.AddTransient<LangSmithPropagationHandler>();
        Stub(services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>());
        services.Configure<LangSmithPropagationOptions>("answers", static options => options.Targets.Add("https://answers.internal"));
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var parent = TracingContext.UseParent(RunContext.FromDottedOrder("20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001"));
        using (await http.GetAsync(new Uri("https://third-party.example/")))
        using (await http.GetAsync(new Uri("https://answers.internal/")))
        {
        }

        Assert.That(_stubs.Single().Sent.Select(static sent => sent.Count), Is.EqualTo(new[] { 0, isOff ? 0 : 1 }));
    }

    [Test]
    public void ConfigureHttpClientDefaults_WithoutTargets_WarnsOnce([Values("plain", "propagation", "targets", "one client")] string kind)
    {
        using var lines = new LogLines();
        var services = Services(lines);
        switch (kind)
        {
            case "plain":
                services.ConfigureHttpClientDefaults(static builder => builder.AddHttpMessageHandler<LangSmithPropagationHandler>());
                break;
            case "propagation":
                services.ConfigureHttpClientDefaults(static builder => builder.AddLangSmithPropagation());
                break;
            case "targets":
                services.ConfigureHttpClientDefaults(static builder => builder.AddLangSmithPropagation(static options => options.Targets.Add("https://*.internal")));
                break;
            default:
                services.AddHttpClient("a").AddHttpMessageHandler<LangSmithPropagationHandler>();
                services.AddHttpClient("b").AddLangSmithPropagation();
                break;
        }

        using var provider = services.BuildServiceProvider();
        foreach (var name in new[] { "a", "b" })
            provider.GetRequiredService<IHttpClientFactory>().CreateClient(name).Dispose();

        Assert.That(lines.Ours.Count(static line => line.Event.Name == "DefaultsWithoutTargets"), Is.EqualTo(kind is "plain" or "propagation" ? 1 : 0));
    }

    [Test]
    public async Task Send_FromAHostedServiceWithoutAnything_IsSentWithoutANoise()
    {
        using var lines = new LogLines();
        var services = Services(lines).AddLangSmith(static options => options.Tracing = false);
        Stub(services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>());
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var response = await http.GetAsync(new Uri("https://answers.internal/"));
        Assert.That(_stubs.Single().Sent.Single(), Is.Empty);
        Assert.That(lines.Ours.Where(static line => line.Level > LogLevel.Debug), Is.Empty);
    }

    [Test]
    public async Task Start_BadOptions_FailNamingOptionClientAndRemedy()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["LangSmith:Enabled"] = "yes", ["LangSmith:AgentAddress"] = "a/local" });
        builder.Services.AddHttpClient("answers").AddLangSmithPropagation(static options =>
        {
            options.Targets.Add("answers.internal");
            options.MaxBaggageBytes = 1 << 20;
        });
        using var host = builder.Build();
        var exception = Assert.ThrowsAsync<AggregateException>(() => host.StartAsync());
        var messages = exception!.InnerExceptions.Cast<OptionsValidationException>().SelectMany(static inner => inner.Failures);
        Assert.That(messages, Is.EquivalentTo(new[]
        {
            "LangSmithOptions: LangSmith:Enabled is 'yes'. Set it to true or false.",
            "LangSmithOptions: AgentAddress is 'a/local'. Write lrn:agents/<id>/environments/<local, development, staging or production>, the id in lower case letters, digits and hyphens.",
            "LangSmithPropagationOptions of HttpClient 'answers': Targets: 'answers.internal' is not an origin. Write scheme, host and optional port, such as 'https://answers.internal', 'https://*.internal', 'http://127.0.0.1:8080' or, for service discovery, 'https+http://answers'.",
            "LangSmithPropagationOptions of HttpClient 'answers': MaxBaggageBytes is 1048576. Set it to a number of bytes from 0 to 8192.",
        }));
        await Task.CompletedTask;
    }

    [Test]
    public async Task Reload_BadOptions_ChangeNothingAreCountedAndLoggedOnce()
    {
        using var lines = new LogLines();
        using var counts = new Counts();
        var configuration = new ConfigurationManager
        {
            ["LangSmith:Project"] = "first",
            ["LangSmith:Tracing"] = "true",
            ["Client:Targets:0"] = "https://answers.internal",
        };
        var services = Services(lines);
        services.AddSingleton<IConfiguration>(configuration);
        Stub(services.AddHttpClient("answers").AddLangSmithPropagation());
        services.Configure<LangSmithPropagationOptions>("answers", configuration.GetSection("Client"));
        await using var provider = services.BuildServiceProvider();

        Assert.That((await Send("https://answers.internal/"))["baggage"], Is.EqualTo(new[] { "langsmith-project=first" }));

        configuration["LangSmith:AgentAddress"] = "nonsense";
        configuration["Client:Targets:0"] = "nonsense";
        ((IConfigurationRoot)configuration).Reload();
        ((IConfigurationRoot)configuration).Reload();
        Assert.That((await Send("https://answers.internal/"))["baggage"], Is.EqualTo(new[] { "langsmith-project=first" }));
        Assert.That(await Send("https://other.internal/"), Is.Empty, "the old target still narrows");
        Assert.That(lines.Ours.Count(static line => line.Event.Name == "BadReload"), Is.EqualTo(2), "one for each kind of options");
        Assert.That(counts["langsmith.http.faults:bad_reload"], Is.EqualTo(4));

        configuration["LangSmith:AgentAddress"] = null;
        configuration["LangSmith:Project"] = "second";
        configuration["Client:Targets:0"] = "https://other.internal";
        ((IConfigurationRoot)configuration).Reload();
        Assert.That((await Send("https://other.internal/"))["baggage"], Is.EqualTo(new[] { "langsmith-project=second" }));

        async Task<Dictionary<string, string[]>> Send(string uri)
        {
            using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
            using var scope = provider.GetRequiredService<LangSmithTracer>().StartRun("ask");
            using var response = await http.GetAsync(new Uri(uri));
            return _stubs[^1].Sent[^1];
        }
    }

    [Test]
    public async Task Reload_BadBeforeTheFirstClientIsMade_StartUpOptionsStay()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["Client:Targets:0"] = "https://answers.internal";
        builder.Configuration["LangSmith:Project"] = "first";
        builder.Services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        builder.Services.AddLangSmith(static options => options.Tracing = true);
        Stub(builder.Services.AddHttpClient("answers").AddLangSmithPropagation());
        builder.Services.Configure<LangSmithPropagationOptions>("answers", builder.Configuration.GetSection("Client"));
        using var host = builder.Build();
        await host.StartAsync();

        builder.Configuration["Client:Targets:0"] = "nonsense";
        builder.Configuration["LangSmith:AgentAddress"] = "nonsense";
        ((IConfigurationRoot)builder.Configuration).Reload();

        using var scope = host.Services.GetRequiredService<LangSmithTracer>().StartRun("ask");
        using var http = host.Services.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using (await http.GetAsync(new Uri("https://answers.internal/")))
        using (await http.GetAsync(new Uri("https://other.internal/")))
        {
        }

        Assert.That(_stubs.Single().Sent[0]["baggage"], Is.EqualTo(new[] { "langsmith-project=first" }));
        Assert.That(_stubs.Single().Sent[1], Is.Empty);
    }

    [Test]
    public void AddLangSmith_SectionAndCode_CodeWinsAndFalseStays()
    {
        var configuration = new ConfigurationManager { ["LangSmith:Project"] = "configured", ["LangSmith:Enabled"] = "false", ["Mine:Project"] = "mine" };
        var options = Resolve(static services => services.AddLangSmith(static options => options.Enabled = true));
        Assert.That((options.Project, options.Enabled), Is.EqualTo(("configured", false)), "false from any source stands");
        options = Resolve(static services => services.AddLangSmith(static options => options.Project = "code"));
        Assert.That(options.Project, Is.EqualTo("code"));
        options = Resolve(services => services.AddLangSmith(configuration.GetSection("Mine")));
        Assert.That(options.Project, Is.EqualTo("mine"));
        options = Resolve(static services => services.Configure<LangSmithOptions>(static options => options.Project = "before").AddLangSmith());
        Assert.That(options.Project, Is.EqualTo("before"), "code wins over configuration whatever the order");
        options = Resolve(services => services.AddLangSmith(static options => options.Project = "before").AddLangSmith(configuration.GetSection("Mine")));
        Assert.That(options.Project, Is.EqualTo("before"), "over a section that is given later too");

        LangSmithOptions Resolve(Action<IServiceCollection> add)
        {
            var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration);
            add(services);
            using var provider = services.BuildServiceProvider();
            return provider.GetRequiredService<IOptions<LangSmithOptions>>().Value;
        }
    }

    [Test]
    public async Task Send_SwitchedOff_NothingIsSentNotEvenARemoteParent()
    {
        var services = Services().AddLangSmith(static options => options.Enabled = false);
        Stub(services.AddHttpClient("answers").AddHttpMessageHandler<LangSmithPropagationHandler>());
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        using var parent = TracingContext.UseParent(RunContext.FromDottedOrder("20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001"));
        using var response = await http.GetAsync(new Uri("https://answers.internal/"));
        Assert.That(_stubs.Single().Sent.Single(), Is.Empty);
    }

    [Test]
    public void Tracer_SwitchedOnWithoutARecorder_WarnsOnceNamingTheRemedy()
    {
        using var lines = new LogLines();
        var services = new ServiceCollection().AddLogging(logging => logging.AddProvider(lines)).AddLangSmith(static options => options.Tracing = true);
        using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>();
        provider.GetRequiredService<LangSmithTracer>();
        Assert.That(lines.Ours.Single().Text, Does.Contain("IRunRecorder").And.Contain("LangSmith.Http.Export"));
    }

    [Test]
    public void Tracer_WithARecorderButNotSwitchedOn_SaysHowToSwitchItOn()
    {
        using var lines = new LogLines();
        var services = Services(lines).AddLangSmith(static options => options.Tracing = false);
        using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>();
        Assert.That(lines.Ours.Single(static line => line.Level == LogLevel.Information).Text, Does.Contain("LANGSMITH_TRACING=true"));
    }

    [Test]
    public async Task Handler_ScopedServicesAndValidation_BuildsUnderScopeValidation()
    {
        var services = Services();
        Stub(services.AddHttpClient("answers").AddLangSmithPropagation());
        await using var provider = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
        await using var scope = provider.CreateAsyncScope();
        scope.ServiceProvider.GetRequiredService<IHttpClientFactory>().CreateClient("answers").Dispose();
        Assert.That(scope.ServiceProvider.GetServices<IHttpMessageHandlerBuilderFilter>().Count(static filter => filter is PropagationBuilderFilter), Is.EqualTo(1));
    }

    private static ServiceCollection Services(LogLines? lines = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging =>
        {
            if (lines is not null)
                logging.SetMinimumLevel(LogLevel.Debug).AddProvider(lines);
        });
        services.AddLangSmith(static options => options.Tracing ??= true);
        services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        return services;
    }

    private IHttpClientBuilder Stub(IHttpClientBuilder builder) => builder.ConfigurePrimaryHttpMessageHandler(() =>
    {
        var stub = new StubHandler();
        _stubs.Add(stub);
        return stub;
    });

    [SetUp]
    public void Forget() => _stubs.Clear();

    private static IEnumerable<T[]> Permutations<T>(T[] items)
    {
        if (items.Length == 0)
            return [[]];
        return items.SelectMany((item, index) => Permutations([.. items[..index], .. items[(index + 1)..]]).Select(rest => (T[])[item, .. rest]));
    }

    private sealed class AnswerClient(HttpClient http)
    {
        public HttpClient Http { get; } = http;
    }
}
