using System.Text.Json;
using LangSmith.Http;

// A job as a queue hands it to a worker: the run it belongs to is JSON on the standard input, the service it calls the
// argument.
var carrier = JsonSerializer.Deserialize<Dictionary<string, string>>(await Console.In.ReadToEndAsync());
var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "jobs" });
using var client = new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler()));

using (TracingContext.UseParent(RunContext.FromHeaders(carrier)))
{
    await tracer.RunAsync("job", async run =>
    {
        using var response = await client.GetAsync(new Uri(args[0]));
        response.EnsureSuccessStatusCode();
        Console.WriteLine(run.DottedOrder);
    });
}
