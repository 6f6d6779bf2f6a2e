using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// Looks at every handler chain the factory has built: of several handlers of ours the outermost stays, it gets its
/// client's options, and goes where the client was taken out. Registration order makes no difference that way.
/// </summary>
internal sealed class PropagationBuilderFilter(
    LiveTracingState state, PropagationPolicies policies, IOptionsMonitor<HttpClientFactoryOptions> clients, ILoggerFactory loggers) : IHttpMessageHandlerBuilderFilter
{
    // A name nobody gives a client: its options hold what ConfigureHttpClientDefaults does, and nothing else.
    private const string NoClient = "LangSmith.Http.NoClient";

    private readonly ILogger _logger = QuietLogger.Wrap(loggers.CreateLogger(Log.Category));
    private readonly LogThrottle _warning = new();
    private readonly LogThrottle _isTwice = new();

    public Action<HttpMessageHandlerBuilder> Configure(Action<HttpMessageHandlerBuilder> next)
    {
        ArgumentNullException.ThrowIfNull(next);
        return builder =>
        {
            next(builder);
            var name = builder.Name ?? "";
            var ours = builder.AdditionalHandlers.OfType<LangSmithPropagationHandler>().ToList();
            if (ours.Count == 0)
                return;
            var options = policies.Options(name);
            foreach (var handler in ours.Skip(options.IsRemoved ? 0 : 1))
                builder.AdditionalHandlers.Remove(handler);
            if (options.IsRemoved)
                return;
            if (ours.Count > 1 && _isTwice.TryPass())
                Log.HandlerTwice(_logger, name, ours.Count);
            ours[0].Configure(state.State, policies.Get(name));
            if (options.Targets.Count == 0 && (options.IsForAllClients || IsOnAllClients()) && _warning.TryPass())
                Log.DefaultsWithoutTargets(_logger);
        };
    }

    // AddHttpMessageHandler<THandler>() leaves a delegate of a class that is generic in THandler. Running the delegates
    // to find out would make other people's handlers.
    private bool IsOnAllClients() => clients.Get(NoClient).HttpMessageHandlerBuilderActions
        .Any(static action => action.Target?.GetType().GenericTypeArguments is [var handler, ..] && handler == typeof(LangSmithPropagationHandler));
}
