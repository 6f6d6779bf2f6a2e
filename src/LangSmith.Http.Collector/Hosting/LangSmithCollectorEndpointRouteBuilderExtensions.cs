using LangSmith.Http;
using LangSmith.Http.Collector.Api;
using LangSmith.Http.Collector.Ingest;
using LangSmith.Http.Collector.Page;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts a collector into an application.</summary>
public static class LangSmithCollectorEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps a collector's ingest API (<c>/info</c>, <c>/runs</c>…), its JSON API (<c>/api/traces</c>…) and its page.
    /// </summary>
    /// <param name="endpoints">The application, or a group such as <c>app.MapGroup("/langsmith")</c>.</param>
    /// <param name="collector">The collector; null means the one that is registered as a service, else a new one.</param>
    /// <returns>A builder for conventions that all these endpoints are to have, such as <c>RequireAuthorization()</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="endpoints"/> is null.</exception>
    /// <remarks>
    /// Whoever reaches these endpoints sees every payload. Requests are refused whose <c>Host</c> is not this machine while
    /// the connection is local (a page elsewhere that has its name resolve to 127.0.0.1), or whose <c>Origin</c> is
    /// another site.
    /// </remarks>
    public static IEndpointConventionBuilder MapLangSmithCollector(this IEndpointRouteBuilder endpoints, LangSmithCollector? collector = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        collector ??= endpoints.ServiceProvider.GetService<LangSmithCollector>() ?? new LangSmithCollector();
        var group = endpoints.MapGroup("");
        // Self-hosted LangSmiths are addressed with these, and settings are copied.
        foreach (var prefix in (ReadOnlySpan<string>)["", "/api", "/api/v1"])
            new IngestEndpoints(collector).Map(group.MapGroup(prefix));
        new ApiEndpoints(collector).Map(group);
        PageEndpoints.Map(group);
        return group;
    }
}
