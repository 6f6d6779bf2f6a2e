using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using LangSmith.Http;
using Microsoft.Extensions.DependencyInjection;

// Trimmed, and compiled ahead of time: exits 0 when a run's headers arrive and its payloads are recorded.
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
    .ConfigurePrimaryHttpMessageHandler(() => new Primary(sent));
await using var provider = services.BuildServiceProvider();
var tracer = provider.GetRequiredService<LangSmithTracer>();

var ask = tracer.Traceable(
    async (Question question) =>
    {
        RunTree.Current!.AddMetadata("user", "u-1");
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("answers");
        return await http.GetStringAsync(new Uri("https://answers.internal/"));
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
foreach (var problem in problems)
    Console.Error.WriteLine(problem);
Console.WriteLine(problems.Count == 0 ? "The trimmed application works." : "The trimmed application does not work.");
return problems.Count;

internal sealed record Question(string Text);

[JsonSerializable(typeof(Question))]
internal sealed partial class SmokeJson : JsonSerializerContext;

internal sealed class Primary(List<string> sent) : HttpMessageHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        sent.Add($"{request.Headers.GetValues("langsmith-trace").Single()} {request.Headers.GetValues("baggage").Single()}");
        return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("because") });
    }
}
