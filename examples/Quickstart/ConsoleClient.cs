using LangSmith.Http;

namespace Quickstart;

/// <summary>The first service: it asks, so its runs are the roots.</summary>
internal sealed class ConsoleClient : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public ConsoleClient(Uri gateway, Uri langSmith)
    {
        var services = new ServiceCollection();
        services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "quickstart";
        });
        services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "console";
        });
        services.AddHttpClient<AnswerClient>(c =>
            {
                c.BaseAddress = gateway;
                c.DefaultRequestHeaders.UserAgent.ParseAdd("console");
            })
            .AddHttpMessageHandler<LangSmithPropagationHandler>();   // this one line is the product
        _services = services.BuildServiceProvider();
    }

    public async Task<string> AskAsync(Question question)
    {
        var tracer = _services.GetRequiredService<LangSmithTracer>();
        var answers = _services.GetRequiredService<AnswerClient>();
        try
        {
            return await tracer.RunAsync("ask", async run =>
            {
                run.AddMetadata("thread_id", question.ThreadId);   // the runs below inherit it, in every service
                return question.IsLater ? await answers.AskLaterAsync(question.Topic) : await answers.AskAsync(question.Topic);
            }, inputs: new { question.Topic });
        }
        catch (HttpRequestException exception)
        {
            // The run has recorded it and rethrown it untouched.
            return exception.Message;
        }
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
