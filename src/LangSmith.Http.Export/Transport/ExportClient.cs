using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// The exporter's own HTTP client. In a container it is configured as the factory's client
/// <see cref="LangSmithExporter.HttpClientName"/> is, by that name alone: what is configured for all clients (tokens, our
/// own handler, resilience, the factory's filters) is for others, whatever the order of registration. It is made here and
/// lives as long as the exporter: the last runs are sent while the container is being disposed.
/// </summary>
internal sealed class ExportClient : IAsyncDisposable
{
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

    internal bool FollowsRedirects { get; }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_scope is { } scope)
            await scope.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Makes the client of a container.</summary>
    internal static ExportClient Create(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptionsMonitor<HttpClientFactoryOptions>>().Get(LangSmithExporter.HttpClientName);
        // As the factory does it: handlers have a scope of their own.
        AsyncServiceScope? scope = options.SuppressHandlerScope ? null : services.CreateAsyncScope();
        var builder = (scope?.ServiceProvider ?? services).GetRequiredService<HttpMessageHandlerBuilder>();
        var ours = LangSmithExporter.CreateHandler();
        (builder.Name, builder.PrimaryHandler) = (LangSmithExporter.HttpClientName, ours);
        foreach (var action in options.HttpMessageHandlerBuilderActions)
            action(builder);
        // One of the user's may be others' too.
        var client = new ExportClient(builder.Build(), disposeHandler: ReferenceEquals(builder.PrimaryHandler, ours), scope);
        foreach (var action in options.HttpClientActions)
            action(client.Http);
        return client;
    }

    // A handler of the user's (a proxy, a certificate) follows redirects, with the key, and traces itself, unless told.
    // False when it still does: whoever else uses it has used it already, and it cannot be told any more.
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

    /// <summary>Leaves of the client's options what names it.</summary>
    internal sealed class OwnOptions(IEnumerable<IConfigureOptions<HttpClientFactoryOptions>> setups) : IPostConfigureOptions<HttpClientFactoryOptions>
    {
        public void PostConfigure(string? name, HttpClientFactoryOptions options)
        {
            if (name != LangSmithExporter.HttpClientName)
                return;
            options.HttpClientActions.Clear();
            options.HttpMessageHandlerBuilderActions.Clear();
            foreach (var setup in setups)
            {
                if (setup is ConfigureNamedOptions<HttpClientFactoryOptions> { Name: LangSmithExporter.HttpClientName } named)
                    named.Action?.Invoke(options);
            }
        }
    }
}
