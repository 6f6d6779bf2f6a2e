using System.Text.Json;
using System.Text.Json.Serialization;
using LangSmith.Http;
using LangSmith.Http.AotSmoke;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

// Trimmed, and compiled ahead of time. Exits 0 if a run's headers arrive, its payloads are recorded, a server continues it,
// and a collector receives another run from the exporter and shows it.
var builder = WebApplication.CreateSlimBuilder();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Logging.ClearProviders();
builder.Services.AddLangSmith(options => options.Tracing = true);
builder.Services.AddSingleton<IRunRecorder, InMemoryRunRecorder>();
builder.Services.AddLangSmithInbound(options =>
{
    options.Trust.FromNetworks("127.0.0.0/8");
    options.StartRunPerRequest = true;
});
await using var app = builder.Build();
app.UseLangSmithTracing();
app.MapGet("/answers/{topic}", static (HttpContext context) => context.Response.WriteAsync("because"));
await app.StartAsync();

var services = new ServiceCollection();
var recorder = new InMemoryRunRecorder();
services.AddLangSmith(options =>
{
    options.Tracing = true;
    options.JsonSerializerOptions = new JsonSerializerOptions { TypeInfoResolver = SmokeJson.Default };
});
services.AddSingleton<IRunRecorder>(recorder);
var sent = new List<string>();
services.AddHttpClient("answers")
    .AddHttpMessageHandler<LangSmithPropagationHandler>()
    .AddHttpMessageHandler(() => new Watch(sent));
await using var provider = services.BuildServiceProvider();
var tracer = provider.GetRequiredService<LangSmithTracer>();

var ask = tracer.Traceable(
    async (Question question) =>
    {
        RunTree.Current!.AddMetadata("user", "u-1");
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        return await http.GetStringAsync(new Uri($"{app.Urls.First()}/answers/sky"));
    },
    "ask");
await ask(new Question("why?"));

var run = recorder.Runs.Single();
var expected = $"{run.DottedOrder} langsmith-metadata=%7B%22user%22%3A%22u-1%22%7D,langsmith-project=default";
var problems = new List<string>();
if (sent.Single() != expected)
    problems.Add($"sent {sent.Single()}, expected {expected}");
if (run.Inputs?.GetProperty("question").GetProperty("Text").GetString() != "why?")
    problems.Add($"inputs {run.Inputs}");
if (run.Outputs?.GetProperty("output").GetString() != "because")
    problems.Add($"outputs {run.Outputs}");

// Redirects of an HttpClientHandler are seen, through a private field that trimming keeps: the other origin gets nothing.
var redirecting = WebApplication.CreateSlimBuilder();
redirecting.WebHost.UseUrls("http://127.0.0.1:0");
redirecting.Logging.ClearProviders();
await using var redirects = redirecting.Build();
var traces = new List<string>();
redirects.MapGet("/start", (HttpContext context) =>
{
    traces.Add(context.Request.Headers["langsmith-trace"].ToString());
    context.Response.Redirect($"http://localhost:{context.Connection.LocalPort}/end");
});
redirects.MapGet("/end", (HttpContext context) => traces.Add(context.Request.Headers["langsmith-trace"].ToString()));
await redirects.StartAsync();
var targets = new LangSmithPropagationOptions { Targets = { redirects.Urls.First() } };
using (var redirected = new HttpClient(new LangSmithPropagationHandler(new HttpClientHandler(), targets)))
using (var scope = tracer.StartRun("redirected"))
{
    (await redirected.GetAsync(new Uri($"{redirects.Urls.First()}/start"))).Dispose();
    if (!traces.SequenceEqual([scope.Run.DottedOrder, ""]))
        problems.Add($"the redirect carried {string.Join(" and ", traces)}");
}

// Configured by name, validated, posted when the container is disposed.
await using var collector = await LangSmithCollector.StartAsync();
var settings = new Dictionary<string, string?>
{
    ["LangSmith:Endpoint"] = collector.Endpoint.ToString(),
    ["LangSmith:ApiKey"] = "key",
    ["LangSmith:Tracing"] = "true",
};
await using (var exporting = new ServiceCollection()
    .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
    .AddLangSmith().AddLangSmithExport().BuildServiceProvider())
{
    exporting.GetRequiredService<LangSmithTracer>().Run(
        "export",
        static run =>
        {
            run.AddMetadata("user", "u-2");
            return "exported";
        },
        "what?");
}

await collector.WaitForRunsAsync(1);
var exported = collector.AssertOneTrace().Root!;
if (exported.Name != "export" || exported.Status != RunStatus.Ok)
    problems.Add($"the collector has {exported.Name}, {exported.Status}");
if (exported.Inputs?.GetRawText() != """{"input":"what?"}""")
    problems.Add($"the collector has the inputs {exported.Inputs}");
if (exported.Outputs?.GetRawText() != """{"output":"exported"}""")
    problems.Add($"the collector has the outputs {exported.Outputs}");
if (exported.Metadata.GetValueOrDefault("user").ToString() != "u-2")
    problems.Add($"the collector has the metadata {string.Join(", ", exported.Metadata.Keys)}");

// Its API and its page, which is an embedded resource.
using (var browser = new HttpClient { BaseAddress = collector.Endpoint })
{
    var api = await browser.GetStringAsync(new Uri($"api/runs/{exported.Id}", UriKind.Relative));
    if (!api.Contains("{\"output\":\"exported\"}", StringComparison.Ordinal))
        problems.Add($"the collector's API returned {api}");
    var page = await browser.GetStringAsync(new Uri("", UriKind.Relative));
    if (!page.Contains("app.js", StringComparison.Ordinal))
        problems.Add($"the collector's page is {page}");
}

// A recorder writes into the collector without HTTP.
collector.Clear();
await using (var local = new ServiceCollection()
    .AddLangSmith(static options => options.Tracing = true)
    .AddSingleton(collector.CreateRecorder("smoke")).BuildServiceProvider())
{
    local.GetRequiredService<LangSmithTracer>().Run("local", static _ => "recorded", "what?");
}

var recorded = collector.AssertOneTrace().Root!;
if (recorded.Name != "local" || recorded.Service != "smoke" || recorded.Outputs?.GetRawText() != """{"output":"recorded"}""")
    problems.Add($"the collector recorded {collector.Traces[0]}");

// The server's run ends behind the response.
await app.StopAsync();
var continued = ((InMemoryRunRecorder)app.Services.GetRequiredService<IRunRecorder>()).Runs.Single(static run => run.ParentRunId is not null);
if (continued.ParentRunId != run.Id || continued.Name != "GET /answers/{topic}")
    problems.Add($"the server recorded {continued.Name} below {continued.ParentRunId}");
if (continued.Outputs?.GetProperty("status_code").GetInt32() != 200)
    problems.Add($"the server's outputs {continued.Outputs}");
problems.AddRange(await CaptureSmoke.RunAsync());
foreach (var problem in problems)
    Console.Error.WriteLine(problem);
Console.WriteLine(problems.Count == 0 ? "The trimmed application works." : "The trimmed application does not work.");
return problems.Count;

internal sealed record Question(string Text);

[JsonSerializable(typeof(Question))]
internal sealed partial class SmokeJson : JsonSerializerContext;

internal sealed class Watch(List<string> sent) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        sent.Add($"{request.Headers.GetValues("langsmith-trace").Single()} {request.Headers.GetValues("baggage").Single()}");
        return base.SendAsync(request, cancellationToken);
    }
}
