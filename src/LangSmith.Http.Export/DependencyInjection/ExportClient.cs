using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace LangSmith.Http;

/// <summary>
/// The exporter's own HTTP client. In a container it is configured as the factory's client
/// <see cref="LangSmithExporter.HttpClientName"/> is, by that name alone: what is configured for all clients (tokens, our
/// own handler, resilience, the factory's filters) is for others, whatever the order of registration. It is made here and
/// lives as long as the exporter: the last runs are sent while the container is being disposed.
/// </summary>
internal sealed record ExportClient(HttpClient Http, bool FollowsRedirects)
{
    internal static ExportClient Create(HttpMessageHandler handler) =>
        new(new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }, !TryProtect(handler));

    internal static ExportClient Create(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptionsMonitor<HttpClientFactoryOptions>>().Get(LangSmithExporter.HttpClientName);
        var builder = services.GetRequiredService<HttpMessageHandlerBuilder>();
        builder.Name = LangSmithExporter.HttpClientName;
        foreach (var action in options.HttpMessageHandlerBuilderActions)
            action(builder);
        var client = Create(builder.Build());
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
            options.HttpMessageHandlerBuilderActions.Add(static builder => builder.PrimaryHandler = LangSmithExporter.CreateHandler());
            foreach (var setup in setups)
            {
                if (setup is ConfigureNamedOptions<HttpClientFactoryOptions> { Name: LangSmithExporter.HttpClientName } named)
                    named.Action?.Invoke(options);
            }
        }
    }
}
