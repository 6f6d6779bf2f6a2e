using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.DependencyInjection;

/// <summary>Logs a warning if the application has started without <c>UseLangSmithTracing()</c>.</summary>
internal sealed class MiddlewareCheck(ILoggerFactory loggers) : IHostedLifecycleService
{
    /// <summary>Set by <c>UseLangSmithTracing()</c>.</summary>
    internal bool IsUsed { get; set; }

    // The pipeline is built when the server starts.
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (!IsUsed)
            InboundLog.MiddlewareMissing(QuietLogger.Wrap(loggers.CreateLogger(InboundLog.Category)));
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
