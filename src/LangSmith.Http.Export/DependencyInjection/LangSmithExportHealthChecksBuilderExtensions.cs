using LangSmith.Http;
using LangSmith.Http.Export.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the exporter's health check.</summary>
public static class LangSmithExportHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a check that is degraded while LangSmith is not reachable, runs are dropped, or the queue is more than half full.
    /// It never reports unhealthy: the application works without LangSmith.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IHealthChecksBuilder AddLangSmithExport(this IHealthChecksBuilder builder, string name = "langsmith")
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(
            name,
            static provider => new ExportHealthCheck(provider.GetRequiredService<LangSmithExporter>()),
            failureStatus: null,
            tags: null));
    }
}
