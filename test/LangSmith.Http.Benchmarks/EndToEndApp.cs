using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace LangSmith.Http.Benchmarks;

/// <summary>What of LangSmith an application uses.</summary>
[Flags]
internal enum Parts
{
    None = 0,

    /// <summary>A run of its own around the call, with inputs and outputs.</summary>
    Runs = 1,
    Handler = 2,
    Inbound = 4,
    RunPerRequest = 8,
    Export = 16,
    All = Runs | Handler | Inbound | RunPerRequest | Export,
}

/// <summary>
/// An application as users have it: a front service that asks a second one, the answers service, with a typed client and
/// says what it answers.
/// </summary>
internal sealed class EndToEndApp : IAsyncDisposable
{
    private readonly Parts _parts;
    private readonly Uri? _langSmith;
    private readonly int? _queuedRequests;
    private readonly List<WebApplication> _services = [];

    private EndToEndApp(Parts parts, Uri? langSmith, int? queuedRequests) =>
        (_parts, _langSmith, _queuedRequests) = (parts, langSmith, queuedRequests);

    internal int Port => new Uri(_services[^1].Urls.Single()).Port;

    /// <summary>How many starts and ends of runs LangSmith took of both services, and how many were dropped.</summary>
    internal (long Posted, long Dropped) Exported
    {
        get
        {
            var exporters = _services.Select(static service => service.Services.GetService<LangSmithExporter>()).OfType<LangSmithExporter>().ToList();
            return (exporters.Sum(static exporter => exporter.PostedOperations), exporters.Sum(static exporter => exporter.DroppedOperations));
        }
    }

    internal static async Task<EndToEndApp> StartAsync(TimeSpan thinking, Parts parts = Parts.None, Uri? langSmith = null, int? queuedRequests = null)
    {
        var app = new EndToEndApp(parts, langSmith, queuedRequests);
        await app.StartAnswersAsync(thinking);
        await app.StartFrontAsync(new Uri(app._services[0].Urls.Single()));
        return app;
    }

    public async ValueTask DisposeAsync()
    {
        _services.Reverse();
        foreach (var service in _services)
            await service.DisposeAsync();
    }

    private async Task StartAnswersAsync(TimeSpan thinking)
    {
        var app = Build(CreateBuilder(runsPerRequest: 1));
        app.MapGet("/answers/{question}", (string question) =>
        {
            // Task.Delay wakes with the kernel's ticks, 4 ms apart, and would swallow whatever costs less before it.
            if (thinking > TimeSpan.Zero)
                Thread.Sleep(thinking);
            return "the answer to " + question;
        });
        await app.StartAsync();
    }

    private async Task StartFrontAsync(Uri answers)
    {
        var builder = CreateBuilder(runsPerRequest: 2);
        var client = builder.Services.AddHttpClient<AnswerClient>(client => client.BaseAddress = answers);
        if (_parts.HasFlag(Parts.Handler))
            client.AddHttpMessageHandler<LangSmithPropagationHandler>();

        var app = Build(builder);
        if (_parts.HasFlag(Parts.Runs))
        {
            app.MapGet("/ask/{question}", static (string question, AnswerClient answers, LangSmithTracer tracer) =>
                tracer.RunAsync("ask", _ => answers.AskAsync(question), inputs: new { question }));
        }
        else
        {
            app.MapGet("/ask/{question}", static (string question, AnswerClient answers) => answers.AskAsync(question));
        }

        await app.StartAsync();
    }

    private WebApplicationBuilder CreateBuilder(int runsPerRequest)
    {
        var builder = WebApplication.CreateSlimBuilder();
        // A logger as users have it, for which the server starts an activity per request; on stdout is the table.
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        if (_parts == Parts.None)
            return builder;

        if (!_parts.HasFlag(Parts.Export))
            builder.Services.AddSingleton<IRunRecorder, Samples.IdleRecorder>();
        builder.Services.AddLangSmith(static options => options.Tracing = true);
        if (_parts.HasFlag(Parts.Export))
        {
            builder.Services.AddLangSmithExport(options =>
            {
                options.Endpoint = _langSmith!.ToString();
                options.ApiKey = "any";
                // A run that waits is one operation, start and end.
                if (_queuedRequests is { } requests)
                    options.MaxQueuedOperations = requests * runsPerRequest;
                options.ShutdownTimeout = TimeSpan.Zero;
            });
        }

        if (_parts.HasFlag(Parts.Inbound))
        {
            builder.Services.AddLangSmithInbound(options =>
            {
                options.Trust.FromNetworks("127.0.0.0/8");
                options.StartRunPerRequest = _parts.HasFlag(Parts.RunPerRequest);
            });
        }

        return builder;
    }

    private WebApplication Build(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        if (_parts.HasFlag(Parts.Inbound))
            app.UseLangSmithTracing();
        _services.Add(app);
        return app;
    }

    private sealed class AnswerClient(HttpClient http)
    {
        public Task<string> AskAsync(string question) => http.GetStringAsync("answers/" + question);
    }
}
