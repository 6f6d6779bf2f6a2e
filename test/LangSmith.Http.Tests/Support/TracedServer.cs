using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>A real Kestrel server on a free loopback port that records its runs and uses <c>UseLangSmithTracing()</c>.</summary>
internal sealed class TracedServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TracedServer(WebApplication app, InMemoryRunRecorder recorder)
    {
        _app = app;
        Recorder = recorder;
        Origin = new Uri(app.Urls.Single());
        Client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = Origin };
    }

    public InMemoryRunRecorder Recorder { get; }

    public Uri Origin { get; }

    /// <summary>A client without our handler.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>
    /// Starts a server that continues anybody's run unless <paramref name="inbound"/> says otherwise. Services are
    /// registered before ours; <paramref name="build"/> replaces <c>UseLangSmithTracing()</c>, which otherwise comes first.
    /// </summary>
    public static async Task<TracedServer> StartAsync(
        Action<WebApplication> map,
        Action<LangSmithInboundOptions>? inbound = null,
        Action<IServiceCollection>? services = null,
        Action<WebApplication>? build = null,
        Action<KestrelServerOptions>? kestrel = null,
        ILoggerProvider? logs = null,
        bool records = true)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        if (logs is not null)
            builder.Logging.AddProvider(logs).SetMinimumLevel(LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(kestrel ?? (static options => options.Listen(IPAddress.Loopback, 0)));
        // As in Development.
        builder.Host.UseDefaultServiceProvider(static options => options.ValidateScopes = options.ValidateOnBuild = true);
        var recorder = new InMemoryRunRecorder();
        services?.Invoke(builder.Services);
        builder.Services.AddLangSmith(static options =>
        {
            options.Tracing = true;
            options.Project = "server";
        });
        if (records)
            builder.Services.AddSingleton<IRunRecorder>(recorder);
        builder.Services.AddLangSmithInbound(inbound ?? (static options => options.Trust.FromAnyone()));
        var app = builder.Build();
        if (build is null)
            app.UseLangSmithTracing();
        else
            build(app);
        map(app);
        await app.StartAsync();
        return new TracedServer(app, recorder);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}
