using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Reports whether LangSmith gets the runs: degraded while it does not.</summary>
internal sealed class ExportHealthCheck(LangSmithExporter exporter) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["queued_operations"] = exporter.QueuedOperations,
            ["queued_bytes"] = exporter.QueuedBytes,
            ["posted_operations"] = exporter.PostedOperations,
            ["dropped_operations"] = exporter.DroppedOperations,
        };
        return Task.FromResult(exporter.Trouble is { } trouble
            ? HealthCheckResult.Degraded(trouble, data: data)
            : HealthCheckResult.Healthy(exporter.PostedOperations == 0 ? "No runs were posted yet." : "Runs get to LangSmith.", data));
    }
}
