using LangSmith.Http;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts <see cref="LangSmithPropagationHandler"/> on clients of the factory.</summary>
public static class LangSmithHttpClientBuilderExtensions
{
    /// <summary>
    /// Puts the handler on a client, as <c>AddHttpMessageHandler&lt;LangSmithPropagationHandler&gt;()</c> does, and sets
    /// its options. Registers what <c>AddLangSmith()</c> registers. Twice is once.
    /// </summary>
    /// <param name="builder">The client, or all clients inside <c>ConfigureHttpClientDefaults</c>.</param>
    /// <param name="configure">Sets the client's options; null leaves them.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    /// <remarks>
    /// On all clients and without <see cref="LangSmithPropagationOptions.Targets"/> one warning is logged: metadata then
    /// goes to every host any client calls.
    /// </remarks>
    public static IHttpClientBuilder AddLangSmithPropagation(this IHttpClientBuilder builder, Action<LangSmithPropagationOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddLangSmith();
        var options = builder.Services.AddOptions<LangSmithPropagationOptions>(builder.Name);
        if (configure is not null)
            builder.Services.Configure<LangSmithPropagationOptions>(builder.Name, configure);
        if (builder.Name is null)
            builder.Services.Configure<LangSmithPropagationOptions>(null, static options => options.IsForAllClients = true);
        else
            options.ValidateOnStart();
        return builder.ConfigureAdditionalHttpMessageHandlers(static (handlers, services) =>
        {
            if (!handlers.OfType<LangSmithPropagationHandler>().Any())
                handlers.Add(services.GetRequiredService<LangSmithPropagationHandler>());
        });
    }

    /// <summary>
    /// Keeps the handler off a client that <c>ConfigureHttpClientDefaults</c> puts it on. It wins over every registration,
    /// whatever the order.
    /// </summary>
    /// <param name="builder">The client.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    public static IHttpClientBuilder RemoveLangSmithPropagation(this IHttpClientBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddLangSmith();
        builder.Services.Configure<LangSmithPropagationOptions>(builder.Name, static options => options.IsRemoved = true);
        return builder;
    }
}
