using LangSmith.Http;
using LangSmith.Http.DependencyInjection;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Export.DependencyInjection;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Export.Transport;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the exporter.</summary>
public static class LangSmithExportServiceCollectionExtensions
{
    /// <summary>
    /// Posts runs to LangSmith: registers <see cref="LangSmithExporter"/> as the <see cref="IRunRecorder"/>, and what
    /// <c>AddLangSmith()</c> registers. Where there is an <see cref="IConfiguration"/>, its section <c>LangSmith</c> is
    /// read. Calling it twice is calling it once.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <remarks>
    /// The requests are sent by a client of its own, configured as the factory's client
    /// <see cref="LangSmithExporter.HttpClientName"/>; it has nothing of what <c>ConfigureHttpClientDefaults</c> or a filter
    /// of the factory adds to clients. Of several <see cref="IRunRecorder"/>s
    /// the one registered last is told of runs, as ever in a container: one that a test registers behind this call is used
    /// in place of the exporter, which then posts nothing.
    /// </remarks>
    public static IServiceCollection AddLangSmithExport(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddLangSmith();
        if (services.Any(static service => service.ServiceType == typeof(LangSmithExporter)))
            return services;

        services.AddOptions<LangSmithExportOptions>().ValidateOnStart();
        // First, so that code wins even if it was registered before this call.
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<LangSmithExportOptions>, ConfigureLangSmithExportOptions>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LangSmithExportOptions>, LangSmithExportOptionsValidator>());
        AddClient(services);
        services.AddSingleton(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<LangSmithExportOptions>>().Value;
            options.ServiceName ??= provider.GetService<IHostEnvironment>()?.ApplicationName;
            var state = provider.GetRequiredService<LiveTracingState>().State;
            var logger = QuietLogger.Wrap(provider.GetRequiredService<ILoggerFactory>().CreateLogger(ExportLog.Category));
            foreach (var warning in options.Notes.Warnings)
                Log.ConfigurationWarning(logger, warning);
            return new LangSmithExporter(
                ExportSettingsReader.TryRead(options, out var errors, () => state.IsEnabled) ?? throw new OptionsValidationException(Options.Options.DefaultName, typeof(LangSmithExportOptions), errors),
                ExportClient.Create(provider),
                provider.GetService<TimeProvider>() ?? TimeProvider.System,
                logger);
        });
        services.AddSingleton<IRunRecorder>(static provider => provider.GetRequiredService<LangSmithExporter>());
        services.AddSingleton<IHostedService, ExportLifetime>();
        return services;
    }

    /// <inheritdoc cref="AddLangSmithExport(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; it wins over variables and sections.</param>
    public static IServiceCollection AddLangSmithExport(this IServiceCollection services, Action<LangSmithExportOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddLangSmithExport();
        services.Configure(configure);
        return services;
    }

    /// <inheritdoc cref="AddLangSmithExport(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="section">The section to read besides <c>LangSmith</c>, and over it, for the options of all packages.</param>
    public static IServiceCollection AddLangSmithExport(this IServiceCollection services, IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        services.AddLangSmith(section);
        services.AddLangSmithExport();
        return services;
    }

    private static void AddClient(IServiceCollection services)
    {
        services.AddHttpClient(LangSmithExporter.HttpClientName);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<HttpClientFactoryOptions>, ExportClient.OwnOptions>());
    }
}
