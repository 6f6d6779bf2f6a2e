using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Ends the exporter with the host, behind everything that may still start runs, within the host's own budget.</summary>
internal sealed class ExportLifetime(LangSmithExporter exporter) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The last step: the server has drained its requests, and other services have stopped.
    public Task StoppedAsync(CancellationToken cancellationToken) => exporter.StopAsync(cancellationToken);
}
