using LangSmith.Http;
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
    /// The requests are sent by the factory's client <see cref="LangSmithExporter.HttpClientName"/>. It has nothing of what
    /// <c>ConfigureHttpClientDefaults</c> adds to clients; configure it by its name.
    /// </remarks>
    public static IServiceCollection AddLangSmithExport(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddLangSmith();
        if (services.Any(static service => service.ServiceType == typeof(LangSmithExporter)))
            return services;

        services.AddOptions<LangSmithExportOptions>().ValidateOnStart();
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<LangSmithExportOptions>>(static provider =>
            new ConfigureLangSmithExportOptions(provider.GetService<IConfiguration>()?.GetSection(LangSmithOptions.SectionName))));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LangSmithExportOptions>, LangSmithExportOptionsValidator>());
        AddClient(services);
        services.AddSingleton(static provider =>
        {
            var options = provider.GetRequiredService<IOptions<LangSmithExportOptions>>().Value;
            options.ServiceName ??= provider.GetService<IHostEnvironment>()?.ApplicationName;
            var clients = provider.GetRequiredService<IHttpClientFactory>();
            return new LangSmithExporter(
                ExportSettingsReader.TryRead(options, out var errors) ?? throw new OptionsValidationException(Options.Options.DefaultName, typeof(LangSmithExportOptions), errors),
                () => clients.CreateClient(LangSmithExporter.HttpClientName),
                provider.GetService<TimeProvider>() ?? TimeProvider.System,
                provider.GetRequiredService<ILoggerFactory>().CreateLogger(ExportLog.Category));
        });
        services.AddSingleton<IRunRecorder>(static provider => provider.GetRequiredService<LangSmithExporter>());
        services.AddSingleton<IHostedService, ExportLifetime>();
        return services;
    }

    /// <inheritdoc cref="AddLangSmithExport(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; it wins over environment and configuration.</param>
    public static IServiceCollection AddLangSmithExport(this IServiceCollection services, Action<LangSmithExportOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddLangSmithExport();
        services.Configure(configure);
        return services;
    }

    // Others' defaults (tokens, our own handler, resilience) are for others' clients. Defaults are applied first, whatever
    // the order they are registered in: cleared here, they are gone, and what is configured by the client's name stays.
    private static void AddClient(IServiceCollection services)
    {
        services.AddHttpClient(LangSmithExporter.HttpClientName);
        services.Configure<HttpClientFactoryOptions>(LangSmithExporter.HttpClientName, static options =>
        {
            options.HttpClientActions.Clear();
            options.HttpMessageHandlerBuilderActions.Clear();
            options.SuppressHandlerScope = true;
        });
        services.AddHttpClient(LangSmithExporter.HttpClientName)
            .ConfigureHttpClient(static client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(LangSmithExporter.CreateHandler)
            .RemoveAllLoggers();
    }
}
