using LangSmith.Http;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Lets endpoints choose what is done with the runs of trusted callers.</summary>
public static class LangSmithEndpointConventionBuilderExtensions
{
    /// <summary>
    /// Says what an endpoint, or every endpoint of a group, does with the run a trusted caller sent. What is nearer wins:
    /// <see cref="LangSmithTracingAttribute"/> on the handler, then the endpoint, then the group. A group's word does not
    /// reach SignalR hubs, which ignore unless the hub itself says otherwise.
    /// </summary>
    /// <typeparam name="TBuilder">The builder's type.</typeparam>
    /// <param name="builder">What <c>MapGet</c>, <c>MapControllers</c>, <c>MapGroup</c>, <c>MapHub</c>… returned.</param>
    /// <param name="tracing">What is done with the caller's run.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="builder"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tracing"/> is none of the values.</exception>
    public static TBuilder WithLangSmithTracing<TBuilder>(this TBuilder builder, InboundTracing tracing)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (!Enum.IsDefined(tracing))
            throw new ArgumentOutOfRangeException(nameof(tracing), tracing, "Choose Continue, Link or Ignore.");
        builder.Add(endpoint =>
        {
            if (!endpoint.Metadata.Any(static item => item is LangSmithTracingAttribute { IsConvention: false }))
                endpoint.Metadata.Add(new LangSmithTracingAttribute(tracing) { IsConvention = true });
        });
        return builder;
    }
}
