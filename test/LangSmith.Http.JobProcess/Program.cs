using System.Diagnostics;
using System.Text.Json;
using LangSmith.Http;

// A job as a queue hands it to a worker: the run it belongs to is JSON on the standard input, the service it calls the
// first argument. With a second one, somebody observes the requests of the process.
using var observer = args.Length > 1 ? DiagnosticListener.AllListeners.Subscribe(new Observer()) : null;
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

internal sealed class Observer : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "HttpHandlerDiagnosticListener")
            value.Subscribe(this);
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }
}
