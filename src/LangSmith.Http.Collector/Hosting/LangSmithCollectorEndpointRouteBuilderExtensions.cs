using LangSmith.Http;
using LangSmith.Http.Collector.Api;
using LangSmith.Http.Collector.Ingest;
using LangSmith.Http.Collector.Page;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps a collector into an application.</summary>
public static class LangSmithCollectorEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps a collector's ingest API (<c>/info</c>, <c>/runs</c>…), its JSON API (<c>/api/traces</c>…) and its page.
    /// </summary>
    /// <param name="endpoints">The application, or a group such as <c>app.MapGroup("/langsmith")</c>.</param>
    /// <param name="collector">The collector; null means the registered service, or a new collector if none is registered.</param>
    /// <returns>A builder of conventions for all these endpoints, such as <c>RequireAuthorization()</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="endpoints"/> is null.</exception>
    /// <remarks>
    /// Anyone who reaches these endpoints can read every payload. Requests are refused if their <c>Host</c> is not this
    /// machine while the connection is local (a page of another site whose name resolves to 127.0.0.1), or if their
    /// <c>Origin</c> is another site.
    /// </remarks>
    public static IEndpointConventionBuilder MapLangSmithCollector(
        this IEndpointRouteBuilder endpoints, LangSmithCollector? collector = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        collector ??= endpoints.ServiceProvider.GetService<LangSmithCollector>() ?? new LangSmithCollector();
        var group = endpoints.MapGroup("");
        var ingest = new IngestEndpoints(collector.Store, collector.MaxRequestBytes, collector.GetFault);
        // Settings of self-hosted LangSmiths have these prefixes.
        foreach (var prefix in (ReadOnlySpan<string>)["", "/api", "/api/v1"])
            ingest.Map(group.MapGroup(prefix));
        new ApiEndpoints(collector.Store).Map(group);
        PageEndpoints.Map(group);
        return group;
    }
}
