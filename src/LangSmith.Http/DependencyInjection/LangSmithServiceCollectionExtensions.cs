using LangSmith.Http;
using LangSmith.Http.DependencyInjection;
using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers LangSmith runs and propagation.</summary>
public static class LangSmithServiceCollectionExtensions
{
    /// <summary>
    /// Registers <see cref="LangSmithTracer"/> and <see cref="LangSmithPropagationHandler"/>. Where there is an
    /// <see cref="IConfiguration"/>, its section <c>LangSmith</c> is read. Calling it twice is calling it once.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <remarks>
    /// Runs are recorded when an <see cref="IRunRecorder"/> is registered and tracing is switched on. An
    /// <see cref="IRunRedactor"/> and a <see cref="TimeProvider"/> are used when they are registered.
    /// </remarks>
    public static IServiceCollection AddLangSmith(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<LangSmithOptions>().ValidateOnStart();
        services.AddOptions<LangSmithPropagationOptions>().ValidateOnStart();
        services.TryAddSingleton<LangSmithOptionsValidator>();
        services.TryAddSingleton<LangSmithPropagationOptionsValidator>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LangSmithOptions>, LangSmithOptionsValidator>(
            static provider => provider.GetRequiredService<LangSmithOptionsValidator>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LangSmithPropagationOptions>, LangSmithPropagationOptionsValidator>(
            static provider => provider.GetRequiredService<LangSmithPropagationOptionsValidator>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHttpMessageHandlerBuilderFilter, PropagationBuilderFilter>());
        services.TryAddSingleton<PropagationPolicies>();
        services.TryAddSingleton<LiveTracingState>();
        services.TryAddSingleton(static provider => new LangSmithTracer(
            provider.GetRequiredService<LiveTracingState>().State,
            provider.GetService<IRunRecorder>(),
            provider.GetService<IRunRedactor>(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetRequiredService<ILoggerFactory>().CreateLogger(Log.Category)));
        services.TryAddTransient(static provider => new LangSmithPropagationHandler(
            provider.GetRequiredService<LiveTracingState>().State,
            provider.GetRequiredService<PropagationPolicies>().Get(Options.Options.DefaultName)));
        services.AddLogging();

        if (!services.Any(static service => service.ServiceType == typeof(ContainerConfiguration)))
        {
            services.AddSingleton<ContainerConfiguration>();
            // First, so that code wins even if it was registered before this call.
            services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<LangSmithOptions>, ConfigureLangSmithOptions>());
            services.AddSingleton<IOptionsChangeTokenSource<LangSmithOptions>, ConfigureLangSmithOptions>();
        }

        return services;
    }

    /// <inheritdoc cref="AddLangSmith(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; it wins over variables and sections.</param>
    public static IServiceCollection AddLangSmith(this IServiceCollection services, Action<LangSmithOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddLangSmith();
        services.Configure(configure);
        return services;
    }

    /// <inheritdoc cref="AddLangSmith(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="section">
    /// The section to read besides <c>LangSmith</c>, and over it, for <see cref="LangSmithOptions"/> and the exporter's options.
    /// Changes while the application runs are followed by <see cref="LangSmithOptions"/> only.
    /// </param>
    public static IServiceCollection AddLangSmith(this IServiceCollection services, IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        services.AddLangSmith();
        services.AddSingleton(new ContainerConfiguration.AddedSection(section));
        return services;
    }
}
