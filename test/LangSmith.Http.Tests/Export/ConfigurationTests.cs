using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests.Export;

/// <summary>Environment, configuration and code, and what is said when they are wrong.</summary>
public sealed class ConfigurationTests : CleanEnvironment
{
    private const string Cloud = "https://api.smith.langchain.com";

    // Option, its variable without the prefix, and four values; the last is the default.
    private static readonly (string Option, string Variable, string[] Values)[] Options =
    [
        ("Endpoint", "ENDPOINT", ["http://configured/", "http://langchain/", "http://langsmith/", "http://code/", Cloud + "/"]),
        ("ApiKey", "API_KEY", ["configured", "langchain", "langsmith", "code", ""]),
        ("WorkspaceId", "WORKSPACE_ID", ["configured", "langchain", "langsmith", "code", ""]),
        ("SamplingRate", "TRACING_SAMPLING_RATE", ["0.1", "0.2", "0.3", "0.4", "1"]),
        ("HideInputs", "HIDE_INPUTS", ["true", "'false'", "true", "false", "False"]),
        ("HideOutputs", "HIDE_OUTPUTS", ["True", "false", "true", "false", "False"]),
        ("HideMetadata", "HIDE_METADATA", ["true", "false", "true", "false", "False"]),
    ];

    private static IEnumerable<TestCaseData> Sources() =>
        from option in Options
        from source in Enumerable.Range(0, 5)
        from codeFirst in (bool[])[false, true]
        select new TestCaseData(option.Option, option.Variable, option.Values, source, codeFirst).SetName($"Option_{option.Option}_Source{source}_CodeFirst{codeFirst}");

    // Each source beats the ones before it, whatever was registered first; 4 means that there is none.
    [TestCaseSource(nameof(Sources))]
    public void Option_FromSeveralSources_IsTheStrongests(string option, string variable, string[] values, int strongest, bool codeFirst)
    {
        var given = strongest == 4 ? -1 : strongest;
        var configuration = given >= 0 ? new Dictionary<string, string?> { [$"LangSmith:{option}"] = values[0] } : [];
        if (given >= 1)
            Set("LANGCHAIN_" + variable, values[1]);
        if (given >= 2)
            Set("LANGSMITH_" + variable, values[2]);
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build());
        if (!codeFirst)
            services.AddLangSmithExport();
        if (given >= 3)
            services.Configure<LangSmithExportOptions>(options => SetOption(options, option, values[3]));
        if (codeFirst)
            services.AddLangSmithExport();

        Assert.That(GetSetting(Settings(services), option), Is.EqualTo(values[strongest].Trim('\'')).IgnoreCase);
    }

    [TestCase("https://eu.api.smith.langchain.com", "https://eu.api.smith.langchain.com/")]
    [TestCase("https://eu.api.smith.langchain.com/", "https://eu.api.smith.langchain.com/")]
    [TestCase("https://smith.corp.test/api/v1/", "https://smith.corp.test/api/v1")]
    [TestCase("https://smith.corp.test/api", "https://smith.corp.test/api")]
    [TestCase("\"https://smith.corp.test/api/\"", "https://smith.corp.test/api")]
    [TestCase(" 'http://127.0.0.1:1984' ", "http://127.0.0.1:1984/")]
    [TestCase("https://proxy.corp.test/runs-proxy", "https://proxy.corp.test/runs-proxy")]
    public void Endpoint_AsPeopleWriteIt_IsTheAddress(string text, string expected)
    {
        Set("LANGSMITH_ENDPOINT", text);
        Assert.That(Settings(new ServiceCollection().AddLangSmithExport()).Endpoint, Is.EqualTo(new Uri(expected)));
    }

    private static IEnumerable<TestCaseData> Mistakes()
    {
        const string Example = "Give for example " + Cloud + ".";
        yield return Environment("LANGSMITH_ENDPOINT=https://x.test/otel", "LANGSMITH_ENDPOINT ends in '/otel', which is where OpenTelemetry's exporters post. Runs go to the address without it.");
        yield return Environment("LANGCHAIN_ENDPOINT=https://x.test/otel/v1/traces/", "LANGCHAIN_ENDPOINT ends in '/otel/v1/traces', which is where OpenTelemetry's exporters post. Runs go to the address without it.");
        yield return Environment("LANGSMITH_ENDPOINT=https://x.test/runs/multipart", "LANGSMITH_ENDPOINT ends in '/runs/multipart', which the exporter adds itself. Give the address without it.");
        yield return Environment("LANGSMITH_ENDPOINT=api.smith.langchain.com", $"LANGSMITH_ENDPOINT is 'api.smith.langchain.com', which is not an http(s) address without user, query and fragment. {Example}");
        yield return Environment("LANGSMITH_ENDPOINT=lsv2_pt_0123456789", $"LANGSMITH_ENDPOINT looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and LANGSMITH_ENDPOINT to an address such as {Cloud}.");
        yield return Environment("LANGSMITH_WORKSPACE_ID=lsv2_pt_0123456789", "LANGSMITH_WORKSPACE_ID looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and LANGSMITH_WORKSPACE_ID to the workspace's id, a UUID.");
        yield return Environment("LANGSMITH_API_KEY=one\ntwo", "LANGSMITH_API_KEY has characters no header can have, such as a line break. Copy it again.");
        yield return Environment("LANGSMITH_WORKSPACE_ID=one\ntwo", "LANGSMITH_WORKSPACE_ID has characters no header can have, such as a line break. Copy it again.");
        yield return Environment("LANGSMITH_TRACING_SAMPLING_RATE=50%", "LANGSMITH_TRACING_SAMPLING_RATE is '50%'. Set it to a number from 0 to 1.");
        yield return Environment("LANGSMITH_HIDE_INPUTS=1", "LANGSMITH_HIDE_INPUTS is '1'. Set it to true or false.");
        yield return Environment("LANGCHAIN_HIDE_OUTPUTS=yes", "LANGCHAIN_HIDE_OUTPUTS is 'yes'. Set it to true or false.");
        yield return Environment("LANGSMITH_HIDE_METADATA=on", "LANGSMITH_HIDE_METADATA is 'on'. Set it to true or false.");
        yield return Code(static options => options.Endpoint = " ", $"Endpoint is blank. Give LangSmith's address, or leave it null for LANGSMITH_ENDPOINT or {Cloud}.");
        yield return Code(static options => options.Endpoint = "https://x.test/v1/traces", "Endpoint ends in '/v1/traces', which is where OpenTelemetry's exporters post. Runs go to the address without it.");
        yield return Code(static options => options.Endpoint = "https://x.test/runs/", "Endpoint ends in '/runs', which the exporter adds itself. Give the address without it.");
        yield return Code(static options => options.Endpoint = "ftp://x.test", $"Endpoint is 'ftp://x.test', which is not an http(s) address without user, query and fragment. {Example}");
        yield return Code(static options => options.Endpoint = "https://me:secret@x.test", $"Endpoint is '…@x.test', which is not an http(s) address without user, query and fragment. {Example}");
        yield return Code(static options => options.Endpoint = "https://x.test?key=1", $"Endpoint is 'https://x.test?…', which is not an http(s) address without user, query and fragment. {Example}");
        yield return Code(static options => options.ApiKey = "", "ApiKey is blank. Give the key, or leave it null for LANGSMITH_API_KEY.");
        yield return Code(static options => options.ApiKey = "one\r\ntwo", "ApiKey has characters no header can have, such as a line break. Copy it again.");
        yield return Code(static options => options.WorkspaceId = " ", "WorkspaceId is blank. Give the workspace's id, or leave it null for LANGSMITH_WORKSPACE_ID.");
        yield return Code(static options => options.SamplingRate = 1.5, "SamplingRate is 1.5. Give 0 to 1.");
        yield return Code(static options => options.SamplingRate = double.NaN, "SamplingRate is NaN. Give 0 to 1.");
        yield return Code(static options => options.Headers["x y"] = "1", "Headers has 'a name' that is no HTTP header. Names are tokens, values have no line breaks.");
        yield return Code(static options => options.Headers["x-proxy"] = "secret\n", "Headers has 'x-proxy' that is no HTTP header. Names are tokens, values have no line breaks.");
        yield return Code(static options => options.Headers["content-type"] = "x", "Headers has 'content-type', which describes the body. Remove it: the exporter sets it.");
        yield return Code(static options => options.MaxQueuedOperations = 0, "MaxQueuedOperations is 0. Give at least 1.");
        yield return Code(static options => options.MaxQueuedBytes = 1, "MaxQueuedBytes is 1. Give at least 65536.");
        yield return Code(static options => options.MaxBatchOperations = 1001, "MaxBatchOperations is 1001. Give 1 to 1000.");
        yield return Code(static options => options.FlushInterval = TimeSpan.Zero, "FlushInterval is 00:00:00. Give 1 millisecond to 1 minute.");
        yield return Code(static options => options.RequestTimeout = TimeSpan.Zero, "RequestTimeout is 00:00:00. Give 1 second to 10 minutes.");
        yield return Code(static options => options.MaxRetryTime = TimeSpan.FromDays(1), "MaxRetryTime is 1.00:00:00. Give 1 second to 1 hour.");
        yield return Code(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(-1), "ShutdownTimeout is -00:00:01. Give 0 to 10 minutes.");
        yield return Configured("SamplingRate", "half", "LangSmith:SamplingRate is 'half'. Set it to a number from 0 to 1.");
        yield return Configured("HideInputs", "yes", "LangSmith:HideInputs is 'yes'. Set it to true or false.");
        yield return Configured("MaxQueuedOperations", "many", "LangSmith:MaxQueuedOperations is 'many'. Set it to a number.");
        yield return Configured("MaxQueuedBytes", "1 GB", "LangSmith:MaxQueuedBytes is '1 GB'. Set it to a number of bytes.");
        yield return Configured("FlushInterval", "fast", "LangSmith:FlushInterval is 'fast'. Set it to a time such as 00:00:00.250.");

        static TestCaseData Environment(string variable, string error) => Case(variable.Split('=', 2), null, null, error);
        static TestCaseData Code(Action<LangSmithExportOptions> configure, string error) => Case(null, null, configure, error);
        static TestCaseData Configured(string key, string value, string error) => Case(null, [key, value], null, error);
        static TestCaseData Case(string[]? variable, string[]? configured, Action<LangSmithExportOptions>? configure, string error) =>
            new TestCaseData(variable, configured, configure, error).SetArgDisplayNames(error.Replace('.', '_'));
    }

    [TestCaseSource(nameof(Mistakes))]
    public void Start_WithAMistake_SaysWhatItIsAndWhatToDo(string[]? variable, string[]? configured, Action<LangSmithExportOptions>? configure, string error)
    {
        if (variable is not null)
            Set(variable[0], variable[1]);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        if (configured is not null)
            builder.Configuration.AddInMemoryCollection([new($"LangSmith:{configured[0]}", configured[1])]);
        builder.Services.AddLangSmithExport(configure ?? (static _ => { }));
        using var host = builder.Build();

        var exception = Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.That(exception!.Message, Is.EqualTo("LangSmithExportOptions: " + error));
    }

    [TestCase("LANGSMITH_AGENT_ID=a", null, null, "LANGSMITH_AGENT_ID is set alone. Set LANGSMITH_AGENT_ID and LANGSMITH_AGENT_ENVIRONMENT, or none.")]
    [TestCase("LANGSMITH_AGENT_ENVIRONMENT=local", null, null, "LANGSMITH_AGENT_ENVIRONMENT is set alone. Set LANGSMITH_AGENT_ID and LANGSMITH_AGENT_ENVIRONMENT, or none.")]
    [TestCase("LANGSMITH_AGENT_ID=a LANGSMITH_AGENT_ENVIRONMENT=local LANGSMITH_PROJECT=p", null, null, "LANGSMITH_AGENT_ID and LANGSMITH_PROJECT are both set. A run goes to one of them: remove one.")]
    [TestCase("LANGSMITH_AGENT_ID=A LANGSMITH_AGENT_ENVIRONMENT=local", null, null, "LANGSMITH_AGENT_ID is 'A' and LANGSMITH_AGENT_ENVIRONMENT 'local'. The id is lower case letters, digits and hyphens, the environment local, development, staging or production.")]
    [TestCase("", "p", "lrn:agents/a/environments/local", "Project and AgentAddress are both set. A run goes to one of them: remove one.")]
    [TestCase("", null, "a/local", "AgentAddress is 'a/local'. Write lrn:agents/<id>/environments/<local, development, staging or production>, the id in lower case letters, digits and hyphens.")]
    public void Start_WithHalfADestination_SaysWhatItIsAndWhatToDo(string environment, string? project, string? address, string error)
    {
        SetAll(environment);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLangSmith(options => (options.Project, options.AgentAddress) = (project, address)).AddLangSmithExport();
        using var host = builder.Build();

        Assert.That(Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync())!.Message, Is.EqualTo("LangSmithOptions: " + error));
    }

    [Test]
    public void Constructor_WithMistakes_SaysThemAll()
    {
        var exception = Assert.Throws<ArgumentException>(() => _ = new LangSmithExporter(new LangSmithExportOptions { ApiKey = " ", MaxQueuedOperations = 0 }));
        Assert.That(exception!.Message, Is.EqualTo("ApiKey is blank. Give the key, or leave it null for LANGSMITH_API_KEY. MaxQueuedOperations is 0. Give at least 1. (Parameter 'options')"));
    }

    [TestCase("LANGSMITH_PROJECT=p", "session_name", "p")]
    [TestCase("LANGCHAIN_SESSION=s", "session_name", "s")]
    [TestCase("", "session_name", "default")]
    [TestCase("LANGSMITH_AGENT_ID=shop LANGSMITH_AGENT_ENVIRONMENT=Production", "address", "lrn:agents/shop/environments/production")]
    [TestCase("LANGCHAIN_AGENT_ID=shop LANGCHAIN_AGENT_ENVIRONMENT=local", "address", "lrn:agents/shop/environments/local")]
    public async Task Destination_FromTheEnvironment_IsTheRuns(string environment, string field, string expected)
    {
        SetAll(environment);
        await using var server = await IngestServer.StartAsync();
        Set("LANGSMITH_TRACING", "true");
        Set("LANGSMITH_ENDPOINT", server.Endpoint);
        await PostARunAsync(new ServiceCollection().AddLangSmithExport());

        var main = System.Text.Json.JsonDocument.Parse(Parts(server)[0].Payload).RootElement;
        Assert.That(main.GetProperty(field).GetString(), Is.EqualTo(expected));
        Assert.That(main.TryGetProperty(field == "address" ? "session_name" : "address", out _), Is.False);
    }

    [Test]
    public async Task Environment_Alone_IsAllAUserNeeds()
    {
        await using var server = await IngestServer.StartAsync();
        SetAll($"LANGSMITH_TRACING=true LANGSMITH_API_KEY=\"the-key\" LANGSMITH_WORKSPACE_ID=w-1 LANGSMITH_ENDPOINT={server.Endpoint}/");
        await PostARunAsync(new ServiceCollection().AddLangSmith().AddLangSmithExport());

        Assert.That(server.Received.Select(static request => $"{request.Method} {request.Path}"), Is.EqualTo(["GET /info", "POST /runs/multipart"]));
        foreach (var request in server.Received)
        {
            using (Assert.EnterMultipleScope())
            {
                Assert.That(request.Headers["x-api-key"], Is.EqualTo("the-key"));
                Assert.That(request.Headers["x-tenant-id"], Is.EqualTo("w-1"));
                Assert.That(request.Headers["User-Agent"], Does.StartWith("langsmith-dotnet/"));
                Assert.That(request.Headers["Accept"], Is.EqualTo("application/json"));
            }
        }
    }

    [Test]
    public async Task Headers_OfTheUser_AreAddedButReplaceNeitherKeyNorWorkspace()
    {
        await using var server = await IngestServer.StartAsync();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("LangSmith:Headers:x-route", "blue")]).Build());
        services.AddLangSmith(static options => options.Tracing = true).AddLangSmithExport(options =>
        {
            options.Endpoint = server.Endpoint;
            options.ApiKey = "key";
            options.WorkspaceId = "workspace";
            options.Headers["X-API-Key"] = "other";
            options.Headers["X-Tenant-Id"] = "other";
            options.Headers["Cookie"] = "sso=1";
            options.Headers["User-Agent"] = "shop/1";
        });
        await PostARunAsync(services);

        Assert.That(server.Received, Has.Count.EqualTo(2));
        foreach (var request in server.Received)
        {
            string[] names = ["x-api-key", "x-tenant-id", "x-route", "Cookie", "User-Agent"];
            Assert.That(names.Select(name => request.Headers[name]), Is.EqualTo(["key", "workspace", "blue", "sso=1", "shop/1"]));
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Section_OfItsOwn_WinsOverLangSmithAndLosesToCode(bool codeFirst)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            [new("LangSmith:ApiKey", "a"), new("LangSmith:WorkspaceId", "a"), new("LangSmith:SamplingRate", "0.1"), new("Other:ApiKey", "b"), new("Other:WorkspaceId", "b"), new("Other:Tracing", "true")]).Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration);
        if (codeFirst)
            services.AddLangSmithExport(static options => options.WorkspaceId = "c");
        services.AddLangSmithExport(configuration.GetSection("Other"));
        if (!codeFirst)
            services.AddLangSmithExport(static options => options.WorkspaceId = "c");

        var settings = Settings(services);
        await using var provider = services.BuildServiceProvider();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((settings.ApiKey, settings.WorkspaceId, settings.SamplingRate), Is.EqualTo(("b", "c", 0.1)));
            Assert.That(provider.GetRequiredService<IOptions<LangSmithOptions>>().Value.Tracing, Is.True, "the section is LangSmith's, all of it");
        }
    }

    [Test]
    public async Task Environment_NotListed_EntersNoPayload()
    {
        const string Marker = "must-not-leave-7f3a";
        await using var server = await IngestServer.StartAsync();
        SetAll($"LANGSMITH_TRACING=true LANGSMITH_ENDPOINT={server.Endpoint} LANGSMITH_API_KEY=key-{Marker}");
        foreach (var name in (string[])["LANGSMITH_SECRET_X", "LANGSMITH_X", "LANGCHAIN_X", "LANGSMITH_RUNS_ENDPOINTS", "GITHUB_SHA", "LANGCHAIN_CUSTOM_HEADERS"])
            Set(name, name + Marker);
        await PostARunAsync(new ServiceCollection().AddLangSmithExport());

        var post = server.Posts.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(post.Text, Does.Not.Contain(Marker).And.Not.Contain("LANGSMITH_").And.Not.Contain("LANGCHAIN_"));
            Assert.That(post.Headers.Where(static header => header.Key != "x-api-key").Select(static header => header.Value), Has.None.Contains(Marker));
        }
    }

    [TestCase("LANGSMITH_REVISION_ID")]
    [TestCase("LANGCHAIN_REVISION_ID")]
    public async Task Revision_FromTheEnvironment_IsMetadataUnlessTheRunHasItsOwn(string variable)
    {
        await using var server = await IngestServer.StartAsync();
        SetAll($"LANGSMITH_TRACING=true LANGSMITH_ENDPOINT={server.Endpoint} {variable}=v7");
        await using (var exporter = new LangSmithExporter())
        {
            var tracer = new LangSmithTracer(exporter);
            tracer.StartRun("deployed").Dispose();
            using var scope = tracer.StartRun("own");
            scope.Run.AddMetadata("revision_id", "mine");
        }

        var extras = FormPart.Split(server.Posts.Single().Body, server.Posts.Single().Headers["Content-Type"]).Where(static part => part.Name.EndsWith(".extra", StringComparison.Ordinal)).ToList();
        Assert.That(extras[0].Text, Does.Contain("""{"metadata":{"revision_id":"v7"}"""));
        Assert.That(extras[1].Text, Does.Contain("""{"metadata":{"revision_id":"mine"}"""));
    }

    [TestCase(202)]
    [TestCase(401)]
    [TestCase(422)]
    public async Task Key_InUse_IsNeverLogged(int status)
    {
        const string Key = "lsv2_pt_secret_0123456789";
        var lines = new AllLines();
        await using var server = await IngestServer.StartAsync(status: status);
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(lines).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddLangSmith(static options => options.Tracing = true).AddLangSmithExport(options =>
        {
            options.Endpoint = server.Endpoint;
            options.ApiKey = Key;
            options.Headers["x-proxy-token"] = Key;
        });
        using var host = builder.Build();
        await host.StartAsync();
        host.Services.GetRequiredService<LangSmithTracer>().StartRun("ask").Dispose();
        using var other = host.Services.GetRequiredService<IHttpClientFactory>().CreateClient("other");
        using var response = await other.GetAsync(new Uri(server.Endpoint));
        await host.StopAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines.All, Has.None.Contains(Key));
            Assert.That(lines.All, Has.Some.Contains("LangSmith.Http.Export Runs go to"), "lines are seen");
            Assert.That(lines.All, Has.Some.StartsWith("System.Net.Http.HttpClient.other"), "the factory's too");
            Assert.That(lines.All, Has.None.StartsWith("System.Net.Http.HttpClient." + LangSmithExporter.HttpClientName));
        }
    }

    [TestCase(null, "No LangSmith API key is set; runs are posted without one. Set LANGSMITH_API_KEY, LangSmith:ApiKey or LangSmithExportOptions.ApiKey.")]
    [TestCase("key", null)]
    public async Task Key_Missing_IsSaidOnceARunIsPosted(string? key, string? expected)
    {
        var lines = new LogLines();
        await using var server = await IngestServer.StartAsync();
        await PostARunAsync(new ServiceCollection().AddLogging(logging => logging.AddProvider(lines)).AddLangSmith(static options => options.Tracing = true)
            .AddLangSmithExport(options => (options.Endpoint, options.ApiKey) = (server.Endpoint, key)));

        Assert.That(lines.Ours.Where(static line => line.Level >= LogLevel.Warning).Select(static line => line.Text), Is.EqualTo(expected is null ? [] : (string[])[expected]));
    }

    private static FormPart[] Parts(IngestServer server)
    {
        var post = server.Posts.Single();
        return FormPart.Split(post.Body, post.Headers["Content-Type"]);
    }

    private static async Task PostARunAsync(IServiceCollection services)
    {
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>().StartRun("ask", new { question = "why?" }).Dispose();
        Assert.That(await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
    }

    private static ExportSettings Settings(IServiceCollection services)
    {
        using var provider = services.BuildServiceProvider();
        return ExportSettingsReader.TryRead(provider.GetRequiredService<IOptions<LangSmithExportOptions>>().Value, out _)!;
    }

    private static void SetOption(LangSmithExportOptions options, string option, string value)
    {
        var property = typeof(LangSmithExportOptions).GetProperty(option)!;
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        property.SetValue(options, Convert.ChangeType(value, type, CultureInfo.InvariantCulture));
    }

    private static string GetSetting(ExportSettings settings, string option) =>
        Convert.ToString(typeof(ExportSettings).GetProperty(option, System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!.GetValue(settings), CultureInfo.InvariantCulture) ?? "";

    private sealed class AllLines : ILoggerProvider
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

        public string[] All => [.. _lines];

        public ILogger CreateLogger(string categoryName) => new Logger(_lines, categoryName);

        public void Dispose()
        {
        }

        private sealed class Logger(System.Collections.Concurrent.ConcurrentQueue<string> lines, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull
            {
                lines.Enqueue($"{category} {state}");
                return null;
            }

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                lines.Enqueue($"{category} {formatter(state, exception)} {exception}");
        }
    }
}
