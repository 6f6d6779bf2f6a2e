namespace LangSmith.Http;

/// <summary>
/// Says on a controller, an action or a minimal API's handler what <c>UseLangSmithTracing()</c> does with the run a trusted
/// caller sent. It wins over <c>WithLangSmithTracing</c>, which says the same on endpoints and groups.
/// </summary>
/// <param name="tracing">What the endpoint does with the caller's run.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = false, Inherited = true)]
public sealed class LangSmithTracingAttribute(InboundTracing tracing) : Attribute
{
    /// <summary>What the endpoint does with the caller's run.</summary>
    public InboundTracing Tracing { get; } = tracing;

    // Set by WithLangSmithTracing: MapControllers() applies it after the attributes it must not override.
    internal bool IsConvention { get; init; }
}
