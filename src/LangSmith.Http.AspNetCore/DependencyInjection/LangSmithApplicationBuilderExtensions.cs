using System.Diagnostics;
using LangSmith.Http;
using LangSmith.Http.AspNetCore.DependencyInjection;
using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.AspNetCore.Inbound;
using LangSmith.Http.AspNetCore.Trust;
using LangSmith.Http.DependencyInjection;
using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts LangSmith into an application's pipeline.</summary>
public static class LangSmithApplicationBuilderExtensions
{
    private const string StrippingKey = "LangSmith.Http.HeaderStripping";
    private const string TracingKey = "LangSmith.Http.Tracing";

    /// <summary>
    /// Continues the runs of trusted callers, and takes <c>langsmith-trace</c> and the <c>langsmith-*</c> members of
    /// <c>baggage</c> and <c>Correlation-Context</c> out of every request, once they are read.
    /// </summary>
    /// <param name="app">The application.</param>
    /// <returns>The application.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="app"/> is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// <c>AddLangSmithInbound</c> was not called, a rule lacks what it needs, another propagator was registered behind ours,
    /// or the headers are stripped before.
    /// </exception>
    /// <exception cref="OptionsValidationException">Nobody said whom to trust.</exception>
    /// <remarks>
    /// It belongs behind <c>UseRouting()</c> (which a <c>WebApplication</c> calls by itself, first), because endpoints
    /// choose with <c>WithLangSmithTracing</c>, and in front of whatever makes runs or relays headers. Middleware in front of
    /// it still sees the headers, and so do endpoints that end a request inside routing (<c>ShortCircuit()</c>). What was
    /// decided about a request stays when an error handler runs the pipeline again.
    /// </remarks>
    public static IApplicationBuilder UseLangSmithTracing(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var services = app.ApplicationServices;
        if (!services.GetServices<IValidateOptions<LangSmithInboundOptions>>().Any())
            throw new InvalidOperationException("UseLangSmithTracing() needs services.AddLangSmithInbound(o => o.Trust…).");
        services.GetRequiredService<MiddlewareCheck>().IsUsed = true;
        CheckPropagator(services, "AddLangSmithInbound(…)");
        if (app.Properties.ContainsKey(StrippingKey))
            throw new InvalidOperationException("UseLangSmithHeaderStripping() comes before UseLangSmithTracing(), which then never sees a caller's run. Remove it: UseLangSmithTracing() strips the headers itself.");
        // Once is enough, in branches too.
        if (!app.Properties.TryAdd(TracingKey, true))
            return app;

        var options = services.GetRequiredService<IOptions<LangSmithInboundOptions>>().Value;
        var logger = QuietLogger.Wrap(services.GetRequiredService<ILoggerFactory>().CreateLogger(InboundLog.Category));
        TrustRule[] rules = [.. options.Trust.Rules];
        foreach (var rule in rules)
            rule.Check?.Invoke(services, logger);

        var trust = new TrustPolicy(rules, logger);
        var state = services.GetRequiredService<LiveTracingState>().State;
        var tracer = services.GetRequiredService<LangSmithTracer>();
        var timeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System;
        return app.Use(next => new LangSmithTracingMiddleware(next, options, trust, state, tracer, timeProvider, logger).InvokeAsync);
    }

    /// <summary>
    /// Takes <c>langsmith-trace</c> and the <c>langsmith-*</c> members of <c>baggage</c> and <c>Correlation-Context</c> out
    /// of every request, and does nothing else: for edges and gateways that start no runs. Foreign members stay as they
    /// are.
    /// </summary>
    /// <param name="app">The application.</param>
    /// <returns>The application.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="app"/> is null.</exception>
    /// <exception cref="InvalidOperationException">
    /// <c>AddLangSmithHeaderStripping</c> was not called, or another propagator was registered behind ours.
    /// </exception>
    /// <remarks>Put it first: middleware in front of it still sees the headers.</remarks>
    public static IApplicationBuilder UseLangSmithHeaderStripping(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        CheckPropagator(app.ApplicationServices, "AddLangSmithHeaderStripping()");
        app.Properties[StrippingKey] = true;
        return app.Use(static next => context =>
        {
            InboundHeaders.Strip(context.Request.Headers);
            return next(context);
        });
    }

    // Without it callers' members get into Activity.Baggage, and from there into every outbound request.
    private static void CheckPropagator(IServiceProvider services, string registration)
    {
        if (services.GetService<DistributedContextPropagator>() is not InboundPropagator)
            throw new InvalidOperationException($"services.{registration} is missing, or another DistributedContextPropagator was registered after it, which relays callers' langsmith-* members. Call it after that registration.");
    }
}
