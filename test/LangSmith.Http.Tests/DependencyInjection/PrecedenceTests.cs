using LangSmith.Http.Tests.Export;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests.DependencyInjection;

/// <summary>
/// Code beats <c>LANGSMITH_*</c>, which beats <c>LANGCHAIN_*</c>, which beats the section, which beats the defaults: every
/// setting with each source not set, set and set to nonsense. README.md has the same table.
/// </summary>
public sealed class PrecedenceTests : CleanEnvironment
{
    private const string Fails = "fails at startup";

    // Setting, variable, default, then for code, variable and section a valid value and one of nonsense. Code has none where
    // the type excludes it; a variable's nonsense that only switches off is not an error.
    private static readonly Row[] Rows =
    [
        new("Tracing", "LANGSMITH_TRACING", "False", "True", null, "True", "treu", "False", "yes") { Off = "False" },
        new("Project", "LANGSMITH_PROJECT", "default", "code", " ", "variable", " ", "section", " "),
        new("Endpoint", "LANGSMITH_ENDPOINT", "https://api.smith.langchain.com/", "http://code/", "code", "http://variable/", "variable", "http://section/", "section"),
        new("ApiKey", "LANGSMITH_API_KEY", "", "code", "co\nde", "variable", "vari\nable", "section", "sec\ntion"),
        new("SamplingRate", "LANGSMITH_TRACING_SAMPLING_RATE", "1", "0.1", "1.1", "0.2", "half", "0.3", "most"),
        new("Enabled", "LANGSMITH_ENABLED", "True", "False", null, "False", "flase", "False", "flase") { Off = "False" },
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        from row in Rows
        from code in (State[])[State.NotSet, State.Set, State.Nonsense]
        from variable in (State[])[State.NotSet, State.Set, State.Nonsense]
        from section in (State[])[State.NotSet, State.Set, State.Nonsense]
        from isInConfiguration in (bool[])[false, true]
        where code != State.Nonsense || row.CodeNonsense is not null
        where variable != State.NotSet || !isInConfiguration
        select new TestCaseData(row, code, variable, section, isInConfiguration)
            .SetName($"{row.Setting}_Code{code}_Variable{variable}{(isInConfiguration ? "InConfiguration" : "")}_Section{section}_TheHighestWins");

    [TestCaseSource(nameof(Cases))]
    public async Task Setting_FromSeveralSources_TheHighestWins(Row row, State code, State variable, State section, bool isInConfiguration)
    {
        var lines = new LogLines();

        var actual = await StartAsync(
            lines, row, row.Code(code), row.Variable(variable), row.Section(section), isInConfiguration);

        Assert.That(actual, Is.EqualTo(row.Expect(code, variable, section)));
        var warnings = lines.Ours.Where(static line => line.Event.Name == "ConfigurationWarning").Select(static line => line.Text).ToList();
        if (actual == Fails)
            return;
        // Project's nonsense is blank, and so not set. Enabled has no order that could be surprising.
        var (isVariableSet, isSectionSet) = (IsSet(variable), IsSet(section));
        if (isVariableSet && isSectionSet && row.Setting != "Enabled")
            Assert.That(warnings.Single(text => text.Contains($"LangSmith:{row.Setting}", StringComparison.Ordinal)), Does.StartWith(row.VariableName));
        if (row.Off is not null && variable == State.Nonsense)
            Assert.That(warnings, Has.Exactly(1).EqualTo($"{row.VariableName} is '{row.VariableNonsense}', which is neither true nor false and counts as false. Set it to true or false."));
        if (row.Setting == "ApiKey")
            Assert.That(lines.Ours.Select(static line => line.Text), Has.None.Contains("variable").And.None.Contains("section"));

        bool IsSet(State state) => state == State.Set || (state == State.Nonsense && row.Setting != "Project");
    }

    [TestCase("LangSmith:Enabled=false Other:Enabled=true", "")]
    [TestCase("LangSmith:Enabled=true Other:Enabled=false", "")]
    [TestCase("Other:Enabled=true", "LANGSMITH_ENABLED=true LANGCHAIN_ENABLED=false")]
    [TestCase("LANGSMITH_ENABLED=true", "LANGSMITH_ENABLED=false")]
    [TestCase("LANGSMITH_ENABLED=false", "LANGSMITH_ENABLED=true")]
    public async Task KillSwitch_AnyOfSeveralSourcesIsFalse_NothingIsRecorded(string keys, string environment)
    {
        SetAll(environment);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(keys.Split(' ').Select(static key => KeyValuePair.Create(key.Split('=')[0], (string?)key.Split('=')[1])));
        builder.Services.AddLangSmith(builder.Configuration.GetSection("Other")).AddLangSmith(static options => (options.Tracing, options.Enabled) = (true, true));
        builder.Services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        using var host = builder.Build();
        await host.StartAsync();

        using var scope = host.Services.GetRequiredService<LangSmithTracer>().StartRun("run");

        Assert.That(scope.Run.IsRecorded, Is.False);
    }

    [TestCase("LANGSMITH_AGENT_ID=x")]
    [TestCase("LANGSMITH_AGENT_ID=x LANGSMITH_AGENT_ENVIRONMENT=local LANGSMITH_PROJECT=prod")]
    public void Destination_VariablesAreBroken_TheSectionDoesNotHideIt(string environment)
    {
        SetAll(environment);
        using var host = Host(new LogLines(), [new("LangSmith:Project", "dev")], static _ => { }, static _ => { });

        Assert.That(() => host.StartAsync(), Throws.InstanceOf<OptionsValidationException>().With.Message.Contains("LANGSMITH_AGENT_ID"));
    }

    [TestCase("LANGSMITH_PROJECT", "LangSmith:Project", "shop")]
    [TestCase("LANGSMITH_TRACING", "LangSmith:Tracing", "true")]
    [TestCase("LANGSMITH_ENABLED", "LangSmith:Enabled", "true")]
    [TestCase("LANGSMITH_TRACING_SAMPLING_RATE", "LangSmith:SamplingRate", "1")]
    [TestCase("LANGSMITH_HIDE_INPUTS", "LangSmith:HideInputs", "true")]
    [TestCase("LANGSMITH_ENDPOINT", "LangSmith:Endpoint", "http://section")]
    [TestCase("LANGSMITH_ENDPOINT=https://x.test/#token=", "LangSmith:Endpoint", "http://section")]
    [TestCase("LANGSMITH_ENDPOINT=x-api-key: ", "LangSmith:Endpoint", "http://section")]
    public async Task Key_InTheWrongVariable_IsNeverQuoted(string variable, string key, string section)
    {
        const string Key = "lsv2_pt_0123456789";
        var parts = variable.Split('=', 2);
        variable = parts[0];
        Set(variable, parts.ElementAtOrDefault(1) + Key);
        var lines = new LogLines();
        var text = "";
        using var host = Host(lines, [new(key, section)], static _ => { }, static _ => { });
        try
        {
            await host.StartAsync();
            _ = host.Services.GetRequiredService<LangSmithTracer>();
        }
        catch (OptionsValidationException exception)
        {
            text = exception.Message;
        }

        Assert.That(lines.Ours.Select(static line => line.Text).Append(text), Has.None.Contains(Key).And.Some.Contains(variable));
    }

    [TestCase("LangSmith:Tracng", "LangSmith:Tracng is no setting and was ignored. The settings are AgentAddress, ApiKey, Enabled, ")]
    [TestCase("LangSmith:Export:Endpoint", "LangSmith:Export is no setting and was ignored. ")]
    [TestCase("LangSmith:lsv2_pt_0123456789", "LangSmith:… is no setting and was ignored. ")]
    public async Task Section_KeyIsNoSetting_OneWarningNamesIt(string key, string warning)
    {
        var lines = new LogLines();
        using var host = Host(lines, [new(key, "a secret"), new("LangSmith:tracing", "true")], static _ => { }, static _ => { });

        await host.StartAsync();
        _ = host.Services.GetRequiredService<LangSmithTracer>();

        var texts = lines.Ours.Where(static line => line.Event.Name == "ConfigurationWarning").Select(static line => line.Text).ToList();
        Assert.That(texts, Has.Count.EqualTo(1));
        Assert.That(texts[0], Does.StartWith(warning).And.Not.Contains("a secret"));
    }

    [Test]
    public void Keys_OfTheSection_AreTheOptionsThatConfigurationSets() => Assert.That(
        LangSmith.Http.Runs.ConfigurationReader.Keys,
        Is.EquivalentTo(new[] { typeof(LangSmithOptions), typeof(LangSmithExportOptions) }
            .SelectMany(static type => type.GetProperties()).Select(static property => property.Name)
            .Except([nameof(LangSmithOptions.JsonSerializerOptions)])));

    [Test]
    public async Task Reload_KillSwitchBesideAnInvalidOption_IsFollowed()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLangSmith(static options => options.Tracing = true).AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        using var host = builder.Build();
        await host.StartAsync();
        var tracer = host.Services.GetRequiredService<LangSmithTracer>();
        builder.Configuration["LangSmith:Enabled"] = "false";
        builder.Configuration["LangSmith:AgentAddress"] = "nonsense";
        ((IConfigurationRoot)builder.Configuration).Reload();
        using (var scope = tracer.StartRun("run"))
            Assert.That(scope.Run.IsRecorded, Is.False);

        builder.Configuration["LangSmith:AgentAddress"] = null;
        ((IConfigurationRoot)builder.Configuration).Reload();
        builder.Configuration["LangSmith:Enabled"] = "off";
        ((IConfigurationRoot)builder.Configuration).Reload();
        using (var scope = tracer.StartRun("run"))
            Assert.That(scope.Run.IsRecorded, Is.False, "what was off stays off until the options are valid");
    }

    [TestCase("\"prod\"", "prod")]
    [TestCase(" prod ", "prod")]
    [TestCase("", "default")]
    public async Task Section_ValueAsPeopleWriteIt_IsRead(string value, string expected) =>
        Assert.That(await StartAsync(new LogLines(), Rows[1], null, null, value, false), Is.EqualTo(expected));

    [Test]
    public async Task Destination_OfAGivenSection_WinsOverTheOtherKindInLangSmith()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["LangSmith:Project"] = "p";
        builder.Configuration["Other:AgentAddress"] = "lrn:agents/a/environments/local";
        builder.Services.AddLangSmith(builder.Configuration.GetSection("Other")).AddLangSmith(static options => options.Tracing = true);
        builder.Services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        using var host = builder.Build();
        await host.StartAsync();

        using var scope = host.Services.GetRequiredService<LangSmithTracer>().StartRun("run");

        Assert.That((scope.Run.Project, scope.Run.Address), Is.EqualTo(((string?)null, "lrn:agents/a/environments/local")));
    }

    [Test]
    public async Task Code_BesideANonsenseSection_Wins()
    {
        using var host = Host(
            new LogLines(), [new("LangSmith:MaxRetryTime", "long"), new("LangSmith:MaxQueuedOperations", "many")], static _ => { },
            static options => (options.MaxRetryTime, options.MaxQueuedOperations) = (TimeSpan.FromSeconds(5), 7));

        await host.StartAsync();

        Assert.That(host.Services.GetRequiredService<IOptions<LangSmithExportOptions>>().Value.MaxQueuedOperations, Is.EqualTo(7));
    }

    [TestCase(null, null, null, true)]
    [TestCase(true, "true", "true", true)]
    [TestCase(false, "true", "true", false)]
    [TestCase(true, "false", "true", false)]
    [TestCase(true, "true", "false", false)]
    [TestCase(true, "0", "true", false)]
    [TestCase(null, "'FALSE'", null, false)]
    public async Task KillSwitch_AnySourceIsFalse_NothingIsRecorded(bool? code, string? variable, string? section, bool isEnabled)
    {
        var row = Rows.Single(static row => row.Setting == "Enabled");

        Assert.That(await StartAsync(new LogLines(), row, code?.ToString(), variable, section, false), Is.EqualTo(isEnabled.ToString()));
    }

    [TestCase(" true ", true)]
    [TestCase("\"TRUE\"", true)]
    [TestCase("' True '", true)]
    [TestCase("\"false\"", false)]
    [TestCase("1", false)]
    [TestCase("yes", false)]
    [TestCase("treu", false)]
    public void Tracing_VariableAsPeopleWriteIt_IsRead(string value, bool isRecorded)
    {
        Set("LANGSMITH_TRACING", value);

        using var scope = new LangSmithTracer(new InMemoryRunRecorder()).StartRun("run");

        Assert.That(scope.Run.IsRecorded, Is.EqualTo(isRecorded));
    }

    [Test]
    public void Tracing_VariableOfNonsenseWithoutAContainer_IsQuotedOnce()
    {
        Set("LANGSMITH_TRACING", "treu");
        var logger = new Runs.ListLogger();

        _ = new LangSmithTracer(new InMemoryRunRecorder(), logger: logger);

        Assert.That(logger.Lines, Has.Exactly(1).Contains("LANGSMITH_TRACING is 'treu', which is neither true nor false and counts as false."));
    }

    [Test]
    public async Task Project_OfAHostedDeployment_BeatsTheOtherVariables()
    {
        SetAll("HOSTED_LANGSERVE_PROJECT_NAME=hosted LANGSMITH_PROJECT=other");

        Assert.That(await StartAsync(new LogLines(), Rows[1], null, null, null, false), Is.EqualTo("hosted"));
    }

    [TestCase("LANGSMITH_AGENT_ID=shop LANGSMITH_AGENT_ENVIRONMENT=local", "Project", "section", "lrn:agents/shop/environments/local")]
    [TestCase("LANGSMITH_PROJECT=variable", "AgentAddress", "lrn:agents/shop/environments/local", "variable")]
    public async Task Destination_VariableAndSectionNameDifferentKinds_TheVariableWins(string environment, string key, string section, string expected)
    {
        SetAll(environment);
        var lines = new LogLines();
        using var host = Host(lines, [new($"LangSmith:{key}", section)], static _ => { }, static _ => { });
        await host.StartAsync();

        using var scope = host.Services.GetRequiredService<LangSmithTracer>().StartRun("run");

        Assert.That(scope.Run.Project ?? scope.Run.Address, Is.EqualTo(expected));
        Assert.That(lines.Ours.Select(static line => line.Text), Has.Exactly(1).Contains($"LangSmith:{key} is '{section}'"));
    }

    [Test]
    public async Task Destination_InCode_ReplacesAConfiguredOneOfTheOtherKind()
    {
        SetAll("LANGSMITH_AGENT_ID=shop LANGSMITH_AGENT_ENVIRONMENT=local");

        Assert.That(await StartAsync(new LogLines(), Rows[1], "code", null, null, false), Is.EqualTo("code"));
    }

    [Test]
    public async Task Reload_OfAVariableInConfiguration_IsFollowed()
    {
        var source = new MutableSource();
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        ((IConfigurationBuilder)builder.Configuration).Add(source);
        builder.Services.AddLangSmith(static options => options.Tracing = true).AddSingleton<IRunRecorder, InMemoryRunRecorder>();
        using var host = builder.Build();
        await host.StartAsync();
        var tracer = host.Services.GetRequiredService<LangSmithTracer>();
        using (var before = tracer.StartRun("before"))
            Assert.That(before.Run.IsRecorded);

        source.Provider.Set("LANGSMITH_ENABLED", "false");
        source.Provider.Reload();

        using var after = tracer.StartRun("after");
        Assert.That(after.Run.IsRecorded, Is.False);
    }

    [Test]
    public void Section_Keys_AreAllOptionsButTheSerializers()
    {
        string[] notInSection = [nameof(LangSmithOptions.JsonSerializerOptions)];
        foreach (var options in (object[])[new LangSmithOptions(), new LangSmithExportOptions()])
        {
            foreach (var property in options.GetType().GetProperties().Where(property => !notInSection.Contains(property.Name)))
            {
                var section = new ConfigurationBuilder().AddInMemoryCollection(
                    [property.Name == "Headers" ? new("LangSmith:Headers:x-route", "blue") : new($"LangSmith:{property.Name}", property.Name switch
                    {
                        "Endpoint" => "http://section",
                        "MaxPayloadBytes" => "70000",
                        "ForwardSampledOutTraces" => "true",
                        _ => Example(property.PropertyType),
                    })]).Build();
                using var provider = new ServiceCollection().AddSingleton<IConfiguration>(section).AddLangSmithExport().BuildServiceProvider();
                var configured = options is LangSmithOptions
                    ? (object)provider.GetRequiredService<IOptions<LangSmithOptions>>().Value
                    : provider.GetRequiredService<IOptions<LangSmithExportOptions>>().Value;
                Assert.That(Text(property.GetValue(configured)), Is.Not.EqualTo(Text(property.GetValue(options))), property.Name);
            }
        }

        static string? Text(object? value) => value is IDictionary<string, string> headers ? string.Join(',', headers) : value?.ToString();

        static string Example(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
        {
            var of when of == typeof(string) => "lrn:agents/a/environments/local",
            var of when of == typeof(bool) && type == typeof(bool) => "false",
            var of when of == typeof(bool) => "true",
            var of when of == typeof(TimeSpan) => "00:00:07",
            var of when of == typeof(double) => "0.25",
            var of when of == typeof(int) => "700",
            _ => "70000",
        };
    }

    private static async Task<string> StartAsync(LogLines lines, Row row, string? code, string? variable, string? section, bool isInConfiguration)
    {
        var configuration = new Dictionary<string, string?>();
        if (section is not null)
            configuration[$"LangSmith:{row.Setting}"] = section;
        if (isInConfiguration)
            configuration[row.VariableName] = variable;
        else if (variable is not null)
            Environment.SetEnvironmentVariable(row.VariableName, variable);
        try
        {
            using var host = Host(lines, configuration, options => SetOption(options, row, code), options => SetOption(options, row, code));
            await host.StartAsync();
            var state = host.Services.GetRequiredService<Http.DependencyInjection.LiveTracingState>().State;
            _ = host.Services.GetRequiredService<LangSmithExporter>();
            var settings = ExportSettingsReader.TryRead(host.Services.GetRequiredService<IOptions<LangSmithExportOptions>>().Value, out _)!;
            return row.Setting switch
            {
                "Tracing" => state.IsTracing.ToString(),
                "Enabled" => state.IsEnabled.ToString(),
                "Project" => state.Project!,
                "Endpoint" => settings.Endpoint.ToString(),
                "ApiKey" => settings.ApiKey ?? "",
                _ => FormattableString.Invariant($"{settings.SamplingRate}"),
            };
        }
        catch (OptionsValidationException)
        {
            return Fails;
        }
        finally
        {
            Environment.SetEnvironmentVariable(row.VariableName, null);
        }
    }

    private static IHost Host(
        LogLines lines, IEnumerable<KeyValuePair<string, string?>> configuration, Action<LangSmithOptions> configure, Action<LangSmithExportOptions> configureExport)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.Logging.AddProvider(lines);
        builder.Services.AddLangSmith(options => options.Tracing ??= configuration.Any(static pair => pair.Key.Contains("AgentAddress", StringComparison.Ordinal) || pair.Key == "LangSmith:Project") ? true : null)
            .AddLangSmith(configure).AddLangSmithExport(configureExport);
        return builder.Build();
    }

    private static void SetOption(object options, Row row, string? value)
    {
        if (value is null || options.GetType().GetProperty(row.Setting) is not { } property)
            return;
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        property.SetValue(options, Convert.ChangeType(value, type, System.Globalization.CultureInfo.InvariantCulture));
    }

    public enum State
    {
        NotSet,
        Set,
        Nonsense,
    }

    /// <summary>A setting and its values; the names of the tests show it.</summary>
    public sealed record Row(
        string Setting, string VariableName, string Default, string CodeValue, string? CodeNonsense, string VariableValue, string VariableNonsense, string SectionValue, string SectionNonsense)
    {
        /// <summary>The value a variable of nonsense means; null if it is an error.</summary>
        public string? Off { get; init; }

        public string? Code(State state) => Choose(state, CodeValue, CodeNonsense);

        public string? Variable(State state) => Choose(state, VariableValue, VariableNonsense);

        public string? Section(State state) => Choose(state, SectionValue, SectionNonsense);

        public string Expect(State code, State variable, State section)
        {
            // Any false wins.
            if (Setting == "Enabled")
                return code == State.Set || variable != State.NotSet || section == State.Set ? "False" : section == State.Nonsense ? Fails : Default;
            if (code != State.NotSet)
                return code == State.Set ? CodeValue : Fails;
            // A blank variable is not set.
            if (variable == State.Set || (variable == State.Nonsense && Setting != "Project"))
                return variable == State.Set ? VariableValue : Off ?? Fails;
            return section switch
            {
                State.Set => SectionValue,
                State.Nonsense => Setting == "Project" ? Default : Fails,
                _ => Default,
            };
        }

        private static string? Choose(State state, string value, string? nonsense) => state switch
        {
            State.NotSet => null,
            State.Set => value,
            _ => nonsense,
        };
    }

    private sealed class MutableSource : IConfigurationSource
    {
        internal MutableProvider Provider { get; } = new();

        public IConfigurationProvider Build(IConfigurationBuilder builder) => Provider;
    }

    private sealed class MutableProvider : ConfigurationProvider
    {
        internal void Reload() => OnReload();
    }
}
