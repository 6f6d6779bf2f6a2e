using System.Diagnostics;
using LangSmith.Http;
using LangSmith.Http.AspNetCore.DependencyInjection;
using LangSmith.Http.AspNetCore.Inbound;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers what continues, and takes away, the runs that callers send.</summary>
public static class LangSmithInboundServiceCollectionExtensions
{
    /// <summary>
    /// Registers what <c>app.UseLangSmithTracing()</c> needs, and what <see cref="AddLangSmithHeaderStripping"/> and
    /// <c>AddLangSmith()</c> register. Called more than once, the rules add up.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Says whose runs are continued; there is no default.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <example>
    /// <code>
    /// builder.Services.AddLangSmithInbound(o =&gt; o.Trust.FromNetworks("10.0.0.0/8"));
    /// var app = builder.Build();
    /// app.UseLangSmithTracing();
    /// </code>
    /// </example>
    public static IServiceCollection AddLangSmithInbound(this IServiceCollection services, Action<LangSmithInboundOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddLangSmith();
        services.AddLangSmithHeaderStripping();
        services.Configure(configure);
        if (!services.Any(static service => service.ServiceType == typeof(MiddlewareCheck)))
        {
            services.AddSingleton<MiddlewareCheck>();
            services.AddHostedService(static provider => provider.GetRequiredService<MiddlewareCheck>());
        }

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IPostConfigureOptions<LangSmithOptions>, HttpJsonContracts>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LangSmithInboundOptions>, LangSmithInboundOptionsValidator>());
        return services;
    }

    /// <summary>
    /// Keeps <c>langsmith-*</c> members of <c>baggage</c> and <c>Correlation-Context</c> out of
    /// <see cref="Activity.Baggage"/>, from where every <see cref="HttpClient"/> relays them: wraps the
    /// <see cref="DistributedContextPropagator"/> that is registered so far, or the runtime's. For edges and gateways,
    /// with <c>app.UseLangSmithHeaderStripping()</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <returns>The services.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is null.</exception>
    public static IServiceCollection AddLangSmithHeaderStripping(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        var last = services.LastOrDefault(static service => service.ServiceType == typeof(DistributedContextPropagator) && !service.IsKeyedService);
        if (last?.ImplementationFactory?.Target is not PropagatorFactory)
            services.AddSingleton<DistributedContextPropagator>(new PropagatorFactory(last).Create);
        return services;
    }

    private sealed class PropagatorFactory(ServiceDescriptor? inner)
    {
        internal InboundPropagator Create(IServiceProvider services) => new((DistributedContextPropagator?)(
            inner?.ImplementationInstance
            ?? inner?.ImplementationFactory?.Invoke(services)
            ?? (inner?.ImplementationType is { } type ? ActivatorUtilities.CreateInstance(services, type) : null))
            ?? DistributedContextPropagator.Current);
    }
}
