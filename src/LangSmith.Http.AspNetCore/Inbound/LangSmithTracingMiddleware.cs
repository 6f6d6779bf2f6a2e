using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

/// <summary>
/// Makes a trusted caller's run the current parent for the whole request, and takes the trace headers away from every
/// request. Nothing it does fails a request.
/// </summary>
internal sealed class LangSmithTracingMiddleware(
    RequestDelegate next, LangSmithInboundOptions options, TrustPolicy trust, TracingState state, LangSmithTracer tracer, TimeProvider timeProvider, ILogger logger)
{
    private int _isFailureLogged;
    private int _isLatenessLogged;

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Features.Get<InboundRequest>();
        // A second registration further in changes nothing.
        if (request is { IsOpen: true })
            return next(context);
        // Nothing to read, nothing to take away, nothing of others to shut out: the request is none of our business.
        if (request is null && !options.StartRunPerRequest && Ambient.Current is null && !InboundHeaders.HasAny(context.Request.Headers))
        {
            InboundTelemetry.Count(InboundReason.Absent);
            return next(context);
        }

        return InvokeTracedAsync(context, request);
    }

    // Async, so that what is set in here is gone where it returns: on a kept-alive connection the next request follows.
    private async Task InvokeTracedAsync(HttpContext context, InboundRequest? request)
    {
        var endpoint = context.GetEndpoint();
        var path = context.Request.Path;
        var tracing = TracingOf(endpoint) ?? InboundTracing.Continue;
        var isFirst = request is null;
        if (request is null)
        {
            request = await AcceptAsync(context, tracing).ConfigureAwait(false);
            // An exception handler that runs the pipeline again finds the headers gone, and what they said in here.
            context.Features.Set(request);
        }

        request.IsOpen = true;
        try
        {
            using (Ambient.EnterRequest(request.Parent, request.Links))
            {
                if (isFirst && options.StartRunPerRequest && tracing != InboundTracing.Ignore)
                    await RunAsync(context, request, endpoint).ConfigureAwait(false);
                else
                    await next(context).ConfigureAwait(false);
            }
        }
        finally
        {
            request.IsOpen = false;
            if (endpoint is null && _isLatenessLogged == 0 && IsLate(context.GetEndpoint(), path) && Interlocked.Exchange(ref _isLatenessLogged, 1) == 0)
                InboundLog.EndpointSeenTooLate(logger);
        }
    }

    // The nearest word counts; a hub without one of its own is ignored.
    private static InboundTracing? TracingOf(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<LangSmithTracingAttribute>()?.Tracing
        ?? (endpoint?.Metadata.GetMetadata<HubMetadata>() is null ? null : InboundTracing.Ignore);

    // An endpoint of another path is that of an error, for which the pipeline behind us was run again.
    private static bool IsLate(Endpoint? endpoint, PathString path) =>
        TracingOf(endpoint) is not null
        && (endpoint is not RouteEndpoint { RoutePattern: var route }
            || new TemplateMatcher(new RouteTemplate(route), new RouteValueDictionary(route.Defaults)).TryMatch(path, []));

    private async ValueTask<InboundRequest> AcceptAsync(HttpContext context, InboundTracing tracing)
    {
        var reason = InboundReason.Failed;
        RunContext? caller = null;
        try
        {
            try
            {
                (reason, caller) = await ReadAsync(context, tracing).ConfigureAwait(false);
            }
            finally
            {
                // Only now: a rule may want to see them, to check a signature for example.
                InboundHeaders.Strip(context.Request.Headers);
            }
        }
        catch (Exception exception)
        {
            // The request goes on without a parent, whatever it was.
            if (Interlocked.Exchange(ref _isFailureLogged, 1) == 0)
                InboundLog.InboundFailed(logger, exception);
        }

        InboundTelemetry.Count(reason);
        InboundLog.Inbound(logger, InboundTelemetry.Name(reason));
        return reason switch
        {
            InboundReason.Linked => new InboundRequest(null, LinksTo(caller!)),
            _ => new InboundRequest(caller, RunContext.NoMetadata),
        };
    }

    private async ValueTask<(InboundReason Reason, RunContext? Caller)> ReadAsync(HttpContext context, InboundTracing tracing)
    {
        var headers = context.Request.Headers;
        if (!InboundHeaders.HasAny(headers))
            return (InboundReason.Absent, null);
        if (!state.IsEnabled)
            return (InboundReason.Off, null);
        if (tracing == InboundTracing.Ignore)
            return (InboundReason.Ignored, null);

        var reason = InboundHeaders.Read(headers, timeProvider, out var caller);
        if (caller is null)
            return (reason, null);
        if (!await trust.IsTrustedAsync(context).ConfigureAwait(false))
            return (InboundReason.Untrusted, null);
        // A trace of its own decides for itself whether it is recorded.
        if (!caller.IsSampled)
            return tracing == InboundTracing.Link ? (InboundReason.NotSampled, null) : (reason, caller);
        if (tracing == InboundTracing.Link)
            return (InboundReason.Linked, caller);
        return options.IsAccepted(caller) ? (reason, caller) : (InboundReason.ProjectRefused, caller.WithoutDestination());
    }

    private static Dictionary<string, JsonElement> LinksTo(RunContext caller) => PayloadSerializer.SerializeAll(
    [
        new("linked_trace_id", caller.TraceId.ToString()),
        new("linked_run_id", caller.RunId.ToString()),
    ]);

    private async Task RunAsync(HttpContext context, InboundRequest request, Endpoint? endpoint)
    {
        using var scope = tracer.StartRun(NameOf(context, endpoint));
        var run = scope.Run;
        if (run.IsRecorded)
            request.Parent = run.Context;
        try
        {
            await next(context).ConfigureAwait(false);
            SetStatusCode(run, context.Response.StatusCode);
            // A handler further in answered for it.
            if (context.Features.Get<IExceptionHandlerFeature>()?.Error is { } handled)
                run.Fail(handled);
        }
        catch (Exception exception)
        {
            SetStatusCode(run, StatusCodeFor(exception, context));
            run.Fail(exception);
            throw;
        }
    }

    private static string NameOf(HttpContext context, Endpoint? endpoint) => endpoint switch
    {
        RouteEndpoint { RoutePattern.RawText: { } route } => $"{context.Request.Method} /{route.TrimStart('/')}",
        _ => $"{context.Request.Method} (no route)",
    };

    private static void SetStatusCode(RunTree run, int statusCode)
    {
        if (run.IsRecorded)
            run.SetOutputs(new Dictionary<string, object?> { ["status_code"] = statusCode });
    }

    // What the server answers, unless something further out answers for it.
    private static int StatusCodeFor(Exception exception, HttpContext context) =>
        context.Response.HasStarted ? context.Response.StatusCode
        : exception is BadHttpRequestException bad ? bad.StatusCode
        : exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested ? StatusCodes.Status499ClientClosedRequest
        : StatusCodes.Status500InternalServerError;
}
