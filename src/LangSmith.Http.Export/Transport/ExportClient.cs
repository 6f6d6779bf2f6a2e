using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// The exporter's own HTTP client. In a container it is configured as the factory's client <see cref="Name"/>, and only by
/// that name: settings for all clients (tokens, resilience, the propagation handler, the factory's filters) do not apply,
/// in any order of registration. It lives as long as the exporter, which sends the last runs while the container is disposed.
/// </summary>
internal sealed class ExportClient : IAsyncDisposable
{
    internal const string Name = "LangSmith.Http.Export";

    private readonly AsyncServiceScope? _scope;

    /// <summary>Makes a client that disposes its handler.</summary>
    internal ExportClient(HttpMessageHandler handler)
        : this(handler, disposeHandler: true, scope: null)
    {
    }

    private ExportClient(HttpMessageHandler handler, bool disposeHandler, AsyncServiceScope? scope)
    {
        Http = new HttpClient(handler, disposeHandler) { Timeout = Timeout.InfiniteTimeSpan };
        FollowsRedirects = !TryProtect(handler);
        _scope = scope;
    }

    internal HttpClient Http { get; }

    /// <summary>Whether the primary handler follows redirects, which could not be switched off.</summary>
    internal bool FollowsRedirects { get; }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_scope is { } scope)
            await scope.DisposeAsync().ConfigureAwait(false);
    }

    internal static SocketsHttpHandler CreateHandler() => new()
    {
        // Without a propagator the runtime starts no span and adds no header.
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    };

    /// <summary>Makes the client of a container.</summary>
    internal static ExportClient Create(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptionsMonitor<HttpClientFactoryOptions>>().Get(Name);
        // As in the factory, handlers have a scope of their own.
        AsyncServiceScope? scope = options.SuppressHandlerScope ? null : services.CreateAsyncScope();
        var builder = (scope?.ServiceProvider ?? services).GetRequiredService<HttpMessageHandlerBuilder>();
        var primary = CreateHandler();
        (builder.Name, builder.PrimaryHandler) = (Name, primary);
        foreach (var action in options.HttpMessageHandlerBuilderActions)
            action(builder);
        // A primary handler of the user's may be shared: it is not disposed.
        var client = new ExportClient(builder.Build(), disposeHandler: ReferenceEquals(builder.PrimaryHandler, primary), scope);
        foreach (var action in options.HttpClientActions)
            action(client.Http);
        return client;
    }

    // By default a primary handler of the user's (for a proxy or certificate) follows redirects, with the key, and starts
    // spans. Returns false if it still follows redirects: a handler that has sent a request cannot be changed.
    private static bool TryProtect(HttpMessageHandler handler)
    {
        while (handler is DelegatingHandler { InnerHandler: { } inner })
            handler = inner;
        try
        {
            if (handler is SocketsHttpHandler sockets)
                (sockets.AllowAutoRedirect, sockets.ActivityHeadersPropagator) = (false, null);
            else if (handler is HttpClientHandler { SupportsRedirectConfiguration: true } client)
                client.AllowAutoRedirect = false;
            return true;
        }
        catch (InvalidOperationException)
        {
            return handler is SocketsHttpHandler { AllowAutoRedirect: false } or HttpClientHandler { AllowAutoRedirect: false };
        }
    }

    /// <summary>Removes from the client's options everything that was not configured under its name.</summary>
    internal sealed class OwnOptions(IEnumerable<IConfigureOptions<HttpClientFactoryOptions>> setups)
        : IPostConfigureOptions<HttpClientFactoryOptions>
    {
        public void PostConfigure(string? name, HttpClientFactoryOptions options)
        {
            if (name != ExportClient.Name)
                return;
            options.HttpClientActions.Clear();
            options.HttpMessageHandlerBuilderActions.Clear();
            foreach (var setup in setups)
            {
                if (setup is ConfigureNamedOptions<HttpClientFactoryOptions> { Name: ExportClient.Name } named)
                    named.Action?.Invoke(options);
            }
        }
    }
}
