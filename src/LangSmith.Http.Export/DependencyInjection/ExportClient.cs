using Microsoft.Extensions.Http;
using Microsoft.Extensions.Options;

namespace LangSmith.Http;

/// <summary>
/// Makes the factory's client <see cref="LangSmithExporter.HttpClientName"/> ours and its user's alone: what is configured
/// for all clients (tokens, our own handler, resilience) is for others, whatever the order of registration.
/// </summary>
internal sealed class ExportClient(IEnumerable<IConfigureOptions<HttpClientFactoryOptions>> setups) : IPostConfigureOptions<HttpClientFactoryOptions>
{
    public void PostConfigure(string? name, HttpClientFactoryOptions options)
    {
        if (name != LangSmithExporter.HttpClientName)
            return;
        options.HttpClientActions.Clear();
        options.HttpMessageHandlerBuilderActions.Clear();
        options.SuppressHandlerScope = true;
        options.HttpClientActions.Add(static client => client.Timeout = Timeout.InfiniteTimeSpan);
        options.HttpMessageHandlerBuilderActions.Add(static builder => builder.PrimaryHandler = LangSmithExporter.CreateHandler());
        // Again, but only what names this client.
        foreach (var setup in setups)
        {
            if (setup is ConfigureNamedOptions<HttpClientFactoryOptions> { Name: LangSmithExporter.HttpClientName } named)
                named.Action?.Invoke(options);
        }

        options.HttpMessageHandlerBuilderActions.Add(static builder => Protect(builder.PrimaryHandler));
    }

    // A handler of the user's (a proxy, a certificate) follows redirects, with the key, and traces itself, unless told.
    private static void Protect(HttpMessageHandler handler)
    {
        if (handler is SocketsHttpHandler sockets)
            (sockets.AllowAutoRedirect, sockets.ActivityHeadersPropagator) = (false, null);
        else if (handler is HttpClientHandler { SupportsRedirectConfiguration: true } client)
            client.AllowAutoRedirect = false;
    }

    /// <summary>Clients of the factory; once the container is being disposed, which is when the last runs are sent, the last one.</summary>
    internal static Func<HttpClient> From(IHttpClientFactory factory)
    {
        var last = factory.CreateClient(LangSmithExporter.HttpClientName);
        return () =>
        {
            try
            {
                return last = factory.CreateClient(LangSmithExporter.HttpClientName);
            }
            catch (ObjectDisposedException)
            {
                return last;
            }
        };
    }
}
