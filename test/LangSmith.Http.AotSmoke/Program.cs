using System.Text.Json;
using System.Text.Json.Serialization;
using LangSmith.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

// Trimmed, and compiled ahead of time: exits 0 when a run's headers arrive, its payloads are recorded, a server continues
// it, and another run is posted, by the same server taken for LangSmith.
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
var posted = "";
app.MapGet("/info", static (HttpContext context) => context.Response.WriteAsync("{}"));
app.MapPost("/runs/multipart", async (HttpContext context) =>
{
    using var reader = new StreamReader(context.Request.Body);
    posted = $"{context.Request.Headers["x-api-key"]} {await reader.ReadToEndAsync()}";
    context.Response.StatusCode = StatusCodes.Status202Accepted;
});
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
// Configured by name, validated, posted when the container ends.
await using (var exporting = new ServiceCollection()
    .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("LangSmith:Endpoint", app.Urls.First()), new("LangSmith:ApiKey", "key"), new("LangSmith:Tracing", "true")]).Build())
    .AddLangSmith().AddLangSmithExport().BuildServiceProvider())
{
    exporting.GetRequiredService<LangSmithTracer>().Run("export", static _ => "exported", "what?");
}

foreach (var part in (string[])["key ------LangSmithFormBoundary", "\"name\":\"export\"", "{\"input\":\"what?\"}", "{\"output\":\"exported\"}"])
{
    if (!posted.Contains(part, StringComparison.Ordinal))
        problems.Add($"posted {posted}, expected {part}");
}

// The server's run ends behind the response.
await app.StopAsync();
var continued = ((InMemoryRunRecorder)app.Services.GetRequiredService<IRunRecorder>()).Runs.Single(static run => run.ParentRunId is not null);
if (continued.ParentRunId != run.Id || continued.Name != "GET /answers/{topic}")
    problems.Add($"the server recorded {continued.Name} below {continued.ParentRunId}");
if (continued.Outputs?.GetProperty("status_code").GetInt32() != 200)
    problems.Add($"the server's outputs {continued.Outputs}");
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
