using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary><c>UseLangSmithTracing()</c> with nothing around it: what a server calls, without the server.</summary>
internal sealed class InboundPipeline : IDisposable
{
    private readonly ServiceProvider _services;

    /// <summary>Continues anybody's run unless <paramref name="inbound"/> says otherwise.</summary>
    public InboundPipeline(Func<HttpContext, LangSmithTracer, Task> end, Action<LangSmithInboundOptions>? inbound = null)
    {
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IRunRecorder>(Recorder)
            .AddLangSmith(static options =>
            {
                options.Tracing = true;
                options.Project = "server";
            })
            .AddLangSmithInbound(inbound ?? (static options => options.Trust.FromAnyone()))
            .BuildServiceProvider();
        var app = new ApplicationBuilder(_services);
        app.UseLangSmithTracing();
        var tracer = _services.GetRequiredService<LangSmithTracer>();
        app.Run(context => end(context, tracer));
        Invoke = app.Build();
    }

    public RequestDelegate Invoke { get; }

    public InMemoryRunRecorder Recorder { get; } = new(capacity: 1);

    public void Dispose() => _services.Dispose();
}
