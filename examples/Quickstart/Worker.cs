using LangSmith.Http;

namespace Quickstart;

/// <summary>The last service: knows facts, is busy once, has moved one of them, and takes jobs from the queue.</summary>
internal static class Worker
{
    private static readonly Dictionary<string, string> Facts = new()
    {
        ["sky"] = "air scatters blue light more than red.",
        ["rivers"] = "the Danube passes ten countries.",
        ["tides"] = "the moon pulls, the sun helps.",
        ["tea"] = "green and black are one plant.",
    };

    private static int s_isBusy = 1;

    public static async Task<WebApplication> StartAsync(JobQueue queue, Wire wire, Uri langSmith)
    {
        var builder = Loopback.CreateBuilder();
        builder.Services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "worker";
        });
        builder.Services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "worker";
        });
        builder.Services.AddLangSmithInbound(o => o.Trust.FromNetworks("127.0.0.0/8"));
        builder.Services.AddSingleton(queue);
        builder.Services.AddSingleton(wire);
        builder.Services.AddHostedService<JobConsumer>();

        var app = builder.Build();
        wire.Watch(app, "worker");   // in front: behind the next line nobody sees the headers any more
        app.UseLangSmithTracing();

        app.MapGet("/facts/tides", () => Results.Redirect("/archive/tides", preserveMethod: true));
        app.MapGet("/facts/{topic}", RetrieveAsync);
        app.MapGet("/archive/{topic}", RetrieveAsync);

        await app.StartAsync();
        return app;
    }

    /// <summary>Looks a topic up, as a run. Used by requests and by jobs.</summary>
    public static string Retrieve(string topic, LangSmithTracer tracer)
    {
        // A wrapped function: arguments become inputs by name, the result becomes outputs.
        var search = tracer.Traceable((string topic) => Facts[topic], name: "search", new RunOptions { RunType = RunTypes.Tool });
        return tracer.Run("retrieve", _ =>
        {
            if (topic == "rivers" && Interlocked.Exchange(ref s_isBusy, 0) == 1)
                throw new TimeoutException("The index is busy.");
            return search(topic);
        }, inputs: new { topic }, new RunOptions { RunType = RunTypes.Retriever });
    }

    private static IResult RetrieveAsync(string topic, LangSmithTracer tracer)
    {
        try
        {
            return Results.Text(Retrieve(topic, tracer));
        }
        catch (TimeoutException)
        {
            return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
        }
    }
}
