using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Stops the exporter with the host, after all services that may start runs, within the host's shutdown timeout.</summary>
internal sealed class ExportLifetime(LangSmithExporter exporter) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // The last step of the host: the server has drained its requests and the other services have stopped.
    public Task StoppedAsync(CancellationToken cancellationToken) => exporter.StopAsync(cancellationToken);
}
