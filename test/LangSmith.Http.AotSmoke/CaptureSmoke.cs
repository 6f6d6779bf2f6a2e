using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AotSmoke;

/// <summary>What is recorded where reflection is off, by a web application with a source-generated context and by one without.</summary>
internal static class CaptureSmoke
{
    private static readonly (string Name, object? Value, string Without, string With)[] Table =
    [
        Same("text", "why?", "\"why?\""), Same("short", (short)1, "1"), Same("uint", 2u, "2"), Same("char", 'c', "\"c\""),
        Same("decimal", 1.5m, "1.5"),
        Same("DateOnly", new DateOnly(2026, 1, 2), "\"2026-01-02\""), Same("Guid", Guid.Empty, "\"00000000-0000-0000-0000-000000000000\""),
        Same("enum", DayOfWeek.Friday, "\"Friday\""), Same("flags", FileAccess.ReadWrite, "\"ReadWrite\""),
        Same("null", null, "null"), Same("array", new[] { 1, 2 }, "[1,2]"),
        Same("array of enums", new[] { DayOfWeek.Friday }, "[\"Friday\"]"),
        Same("List<string>", new List<string> { "a" }, "[\"a\"]"), Same("HashSet<long>", new HashSet<long> { 1 }, "[1]"),
        Same("Dictionary<string, int>", new Dictionary<string, int> { ["a"] = 1 }, "{\"a\":1}"),
        Same("Dictionary<int, string>", new Dictionary<int, string> { [1] = "a" }, "{\"1\":\"a\"}"),
        Same("JsonObject", new JsonObject { ["a"] = 1 }, "{\"a\":1}"), Same("JsonArray", new JsonArray(1, "a"), "[1,\"a\"]"),
        Same("values in a dictionary", new Dictionary<string, object?>
        {
            ["short"] = (short)1, ["day"] = DayOfWeek.Friday, ["list"] = new List<object> { 'c', new JsonObject { ["a"] = 1 } },
            ["none"] = null,
        }, "{\"short\":1,\"day\":\"Friday\",\"list\":[\"c\",{\"a\":1}],\"none\":null}"),
        Same("exception", new InvalidOperationException("why"), "\"InvalidOperationException: why\""),
        Same("Uri", new Uri("https://a.example/"), "\"https://a.example/\""),
        Same("IPAddress", System.Net.IPAddress.Loopback, "\"127.0.0.1\""),
        Same("tuple", (1, "a"), "{\"item1\":1,\"item2\":\"a\"}"),
        Same("sequence", Numbers(), "\"Numbers\""),
        Same("lazy", new Lazy<int>(static () => throw new InvalidOperationException()), "\"Lazy<Int32>\""),
        Same("long text", new string('x', 5_000_000), ""),
        Same("README: anonymous type", new { question = "why?" }, "\"anonymous type\""),
        ("record", new Asked("why?", DayOfWeek.Friday), "\"Asked\"", "{\"text\":\"why?\",\"day\":\"Friday\"}"),
        ("records in a dictionary", new Dictionary<string, object> { ["q"] = "kept", ["asked"] = new Asked("why?", DayOfWeek.Friday) },
            "{\"q\":\"kept\",\"asked\":\"Asked\"}", "{\"q\":\"kept\",\"asked\":{\"text\":\"why?\",\"day\":\"Friday\"}}"),
        ("list of records", new List<Asked> { new("why?", DayOfWeek.Friday) }, "[\"Asked\"]", "[{\"text\":\"why?\",\"day\":\"Friday\"}]"),
    ];

    internal static async Task<List<string>> RunAsync()
    {
        var problems = new List<string>();
        await RunAsync(withContext: false, problems);
        await RunAsync(withContext: true, problems);
        return problems;
    }

    private static async Task RunAsync(bool withContext, List<string> problems)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        using var log = new Warnings();
        builder.Logging.ClearProviders().AddProvider(log);
        var recorder = new InMemoryRunRecorder();
        builder.Services.AddLangSmith(static options => options.Tracing = true);
        builder.Services.AddSingleton<IRunRecorder>(recorder);
        builder.Services.AddLangSmithInbound(static options => options.Trust.FromNetworks("127.0.0.0/8"));
        if (withContext)
            builder.Services.ConfigureHttpJsonOptions(static options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, CaptureJson.Default));
        await using var app = builder.Build();
        app.UseLangSmithTracing();
        app.MapGet("/", static (LangSmithTracer tracer) =>
        {
            foreach (var (name, value, _, _) in Table)
                tracer.Run(name, run => value, inputs: value, new RunOptions { Metadata = [new("value", value)] });
        });
        await app.StartAsync();
        using var client = new HttpClient();
        (await client.GetAsync(new Uri(app.Urls.First()))).EnsureSuccessStatusCode();

        foreach (var (name, _, without, with) in Table)
        {
            var run = recorder.Runs.Single(run => run.Name == name);
            var expected = withContext ? with : without;
            var isObject = expected.StartsWith('{');
            Check(run.Inputs?.GetRawText(), isObject ? expected : $"{{\"input\":{expected}}}", "inputs");
            Check(run.Outputs?.GetRawText(), isObject ? expected : $"{{\"output\":{expected}}}", "outputs");
            Check(run.Metadata.GetValueOrDefault("value").GetRawText(), expected, "metadata");

            void Check(string? actual, string expected, string part)
            {
                var isRight = name switch
                {
                    "null" => part is "metadata" ? actual is "null" : actual is null,
                    "long text" => actual?.EndsWith("x(cut: 5000000 characters)\"" + (part is "metadata" ? "" : "}"), StringComparison.Ordinal) == true,
                    _ => actual == expected,
                };
                if (!isRight)
                    problems.Add($"{(withContext ? "with" : "without")} a context, {part} of '{name}' are {actual?[..Math.Min(300, actual.Length)]}");
            }
        }

        if (log.Lines.Count(static line => line.Contains("LangSmithOptions.JsonSerializerOptions", StringComparison.Ordinal)) != 1)
            problems.Add($"the warnings are {string.Join("; ", log.Lines)}");
    }

    private static IEnumerable<int> Numbers()
    {
        yield return 1;
        throw new InvalidOperationException("The sequence was read.");
    }

    private static (string Name, object? Value, string Without, string With) Same(string name, object? value, string json) =>
        (name, value, json, json);

    private sealed class Warnings : ILoggerProvider, ILogger
    {
        internal List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Lines.Add(formatter(state, exception));
        }
    }
}

internal sealed record Asked(string Text, DayOfWeek Day);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Asked))]
internal sealed partial class CaptureJson : JsonSerializerContext;
