using LangSmith.Http;

namespace Quickstart;

/// <summary>The service in the middle: continues the console's trace, calls the worker, or leaves it a job.</summary>
internal static class Gateway
{
    public static async Task<WebApplication> StartAsync(Uri worker, JobQueue queue, Wire wire, Uri langSmith)
    {
        var builder = Loopback.CreateBuilder();
        // Its project is for traces that start here. The console's traces stay in the console's project.
        builder.Services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "gateway";
        });
        builder.Services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "gateway";
        });
        // Whose traces it continues: its caller is on this machine. There is no default.
        builder.Services.AddLangSmithInbound(o => o.Trust.FromNetworks("127.0.0.0/8"));
        builder.Services.AddHttpClient("worker", c =>
            {
                c.BaseAddress = worker;
                c.DefaultRequestHeaders.UserAgent.ParseAdd("gateway");
            })
            .AddHttpMessageHandler<LangSmithPropagationHandler>()
            .AddHttpMessageHandler(() => new RetryHandler());   // above or below the retry makes no difference

        var app = builder.Build();
        wire.Watch(app, "gateway");   // in front: behind the next line nobody sees the headers any more
        app.UseLangSmithTracing();

        app.MapGet("/answers/{topic}", (string topic, LangSmithTracer tracer, IHttpClientFactory clients) =>
            tracer.RunAsync("answer", async _ =>
            {
                var words = tracer.TraceStream(
                    WriteAsync(topic, clients.CreateClient("worker")),
                    "write",
                    reduce: static words => new { Text = string.Join(' ', words) },
                    inputs: new { topic },
                    options: new RunOptions { RunType = RunTypes.Llm });
                return string.Join(' ', await words.ToListAsync());
            }, inputs: new { topic }));

        app.MapPost("/later/{topic}", (string topic, LangSmithTracer tracer) =>
            tracer.Run("accept", run =>
            {
                var job = new Job(topic);
                run.Context.Inject(job.Headers, static (headers, name, value) => headers[name] = value);
                queue.Send(job);
                return "You will hear from us.";
            }, inputs: new { topic }));

        await app.StartAsync();
        return app;
    }

    private static async IAsyncEnumerable<string> WriteAsync(string topic, HttpClient worker)
    {
        yield return $"On {topic}:";
        // A run that is current before a yield is usually lost after it. TraceStream makes "write" current on each step.
        yield return await worker.GetStringAsync($"facts/{topic}");
    }
}
