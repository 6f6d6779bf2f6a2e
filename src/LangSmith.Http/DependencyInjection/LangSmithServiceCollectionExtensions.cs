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
    private static readonly Func<IServiceProvider, object> DefaultSource = static provider => provider.GetRequiredService<ConfigureFromSection>().Source;

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
        services.TryAddSingleton<OutboundPolicies>();
        services.TryAddSingleton<LiveTracingState>();
        services.TryAddSingleton(static provider => new LangSmithTracer(
            provider.GetRequiredService<LiveTracingState>().State,
            provider.GetService<IRunRecorder>(),
            provider.GetService<IRunRedactor>(),
            provider.GetService<TimeProvider>() ?? TimeProvider.System,
            provider.GetRequiredService<ILoggerFactory>().CreateLogger(Log.Category)));
        services.TryAddTransient(static provider => new LangSmithPropagationHandler(
            provider.GetRequiredService<LiveTracingState>().State,
            provider.GetRequiredService<OutboundPolicies>().Get(Options.Options.DefaultName)));
        services.AddLogging();

        // First of all sources, whatever was configured before this call: code wins over configuration.
        if (!services.Any(static service => service.ServiceType == typeof(ConfigureFromSection)))
        {
            services.AddSingleton<ConfigureFromSection>();
            services.Insert(0, new ServiceDescriptor(typeof(IConfigureOptions<LangSmithOptions>), DefaultSource, ServiceLifetime.Singleton));
            services.AddSingleton<IOptionsChangeTokenSource<LangSmithOptions>>(static provider => provider.GetRequiredService<ConfigureFromSection>().Source);
        }

        return services;
    }

    /// <inheritdoc cref="AddLangSmith(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; it wins over environment and configuration.</param>
    public static IServiceCollection AddLangSmith(this IServiceCollection services, Action<LangSmithOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.AddLangSmith();
        services.Configure(configure);
        return services;
    }

    /// <inheritdoc cref="AddLangSmith(IServiceCollection)"/>
    /// <param name="services">The services.</param>
    /// <param name="section">The section to read besides <c>LangSmith</c>, and over it. It may change while the application runs.</param>
    public static IServiceCollection AddLangSmith(this IServiceCollection services, IConfigurationSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        services.AddLangSmith();
        var source = new ConfigureLangSmithOptions(section);
        // Behind the sections that are there, and before all code.
        var last = services.Last(static service => ReferenceEquals(service.ImplementationFactory, DefaultSource)
            || (service.ServiceType == typeof(IConfigureOptions<LangSmithOptions>) && service.ImplementationInstance is ConfigureLangSmithOptions));
        services.Insert(services.IndexOf(last) + 1, ServiceDescriptor.Singleton<IConfigureOptions<LangSmithOptions>>(source));
        services.AddSingleton<IOptionsChangeTokenSource<LangSmithOptions>>(source);
        return services;
    }

    // The container's own configuration, when it has one.
    private sealed class ConfigureFromSection(IServiceProvider provider)
    {
        internal ConfigureLangSmithOptions Source { get; } =
            new(provider.GetService<IConfiguration>()?.GetSection(LangSmithOptions.SectionName));
    }
}
