using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;
using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.AspNetCore.Trust;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Runs;
using LangSmith.Http.Runs.Capture;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.Inbound;

/// <summary>
/// Makes a trusted caller's run the current parent for the whole request, and takes the trace headers away from every
/// request. Nothing it does fails a request.
/// </summary>
internal sealed class LangSmithTracingMiddleware(
    RequestDelegate next, LangSmithInboundOptions options, TrustPolicy trust, TracingState state, LangSmithTracer tracer, TimeProvider timeProvider, ILogger logger)
{
    private static readonly string[] Methods =
    [
        HttpMethods.Get, HttpMethods.Post, HttpMethods.Put, HttpMethods.Delete, HttpMethods.Patch,
        HttpMethods.Head, HttpMethods.Options, HttpMethods.Trace, HttpMethods.Connect,
    ];

    // Made once: the response's last bytes wait while a run is ended. Status codes are few.
    private static readonly ConcurrentDictionary<int, JsonPayload> Outputs = new();

    private readonly LogThrottle _failures = new();
    private readonly LogThrottle _lateness = new();

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Features.Get<InboundRequest>();
        // A second registration further in changes nothing.
        if (request is { IsOpen: true })
            return next(context);
        var hasHeaders = InboundHeaders.HasAny(context.Request.Headers);
        // Nothing to read, nothing to take away, nothing of others to shut out: the request is none of our business.
        if (request is null && !hasHeaders && !options.StartRunPerRequest && Ambient.Current is null)
        {
            InboundTelemetry.Count(InboundReason.Absent);
            return next(context);
        }

        return InvokeTracedAsync(context, request, hasHeaders);
    }

    // Async, so that what is set in here is gone where it returns: on a kept-alive connection the next request follows.
    private async Task InvokeTracedAsync(HttpContext context, InboundRequest? request, bool hasHeaders)
    {
        var endpoint = context.GetEndpoint();
        var tracing = TracingOf(endpoint) ?? InboundTracing.Continue;
        var isFirst = request is null;
        if (request is null)
        {
            // What rules do is not done in the name of whatever is current around the server.
            using (Ambient.EnterRequest(null, RunContext.NoMetadata))
                request = await AcceptAsync(context, tracing, hasHeaders).ConfigureAwait(false);
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
            if (endpoint is null)
                ReportIfLate(context);
        }
    }

    // The nearest word counts. A hub outlives its request: only a word of its own makes it anything but ignored.
    private static InboundTracing? TracingOf(Endpoint? endpoint)
    {
        if (endpoint is null)
            return null;
        InboundTracing? tracing = null;
        var isDeclared = false;
        foreach (var item in endpoint.Metadata)
        {
            if (item is LangSmithTracingAttribute word)
            {
                tracing = word.Tracing;
                isDeclared |= !word.IsConvention;
            }
            else if (item is HubMetadata && !isDeclared)
            {
                tracing = InboundTracing.Ignore;
            }
        }

        return tracing;
    }

    // An endpoint that answers an error may be that of an error handler, for which the pipeline behind us was run again.
    private void ReportIfLate(HttpContext context)
    {
        if (!_lateness.IsSpent && context.Response.StatusCode < StatusCodes.Status400BadRequest
            && TracingOf(context.GetEndpoint()) is not null && _lateness.TryPass())
            InboundLog.EndpointSeenTooLate(logger);
    }

    private async ValueTask<InboundRequest> AcceptAsync(HttpContext context, InboundTracing tracing, bool hasHeaders)
    {
        var reason = InboundReason.Absent;
        RunContext? caller = null;
        if (hasHeaders)
        {
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
                (reason, caller) = (InboundReason.Failed, null);
                if (_failures.TryPass())
                    InboundLog.InboundFailed(logger, exception);
            }
        }

        InboundTelemetry.Count(reason);
        InboundLog.Inbound(logger, reason);
        return reason == InboundReason.Linked
            ? new InboundRequest(null, LinksTo(caller))
            : new InboundRequest(caller, RunContext.NoMetadata);
    }

    private async ValueTask<(string Reason, RunContext? Caller)> ReadAsync(HttpContext context, InboundTracing tracing)
    {
        if (!state.IsEnabled)
            return (InboundReason.Off, null);
        if (tracing == InboundTracing.Ignore)
            return (InboundReason.Ignored, null);

        var reason = InboundHeaders.Read(context.Request.Headers, timeProvider, out var caller);
        if (caller is null)
            return (reason, null);
        if (!await trust.IsTrustedAsync(context).ConfigureAwait(false))
            return (InboundReason.Untrusted, null);
        if (tracing == InboundTracing.Link)
            return (InboundReason.Linked, caller);
        var isAccepted = options.IsAccepted(caller);
        var accepted = isAccepted ? caller : caller.WithoutDestination();
        return (!caller.IsSampled ? InboundReason.NotSampled : isAccepted ? InboundReason.Continued : InboundReason.ProjectRefused, accepted);
    }

    // A caller that does not record its trace has nothing to be linked with.
    private static IReadOnlyDictionary<string, JsonElement> LinksTo(RunContext? caller) => caller is not { IsSampled: true }
        ? RunContext.NoMetadata
        : PayloadSerializer.SerializeAll(
        [
            new("linked_trace_id", caller.TraceId.ToString()),
            new("linked_run_id", caller.RunId.ToString()),
        ]);

    private async Task RunAsync(HttpContext context, InboundRequest request, Endpoint? endpoint)
    {
        using var scope = tracer.StartRun(NameOf(context, endpoint));
        var run = scope.Run;
        // The run, or that it is not recorded: should the pipeline be run again, that is decided.
        request.Parent = Ambient.Current?.Context;
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

    private static string NameOf(HttpContext context, Endpoint? endpoint)
    {
        // A method is what the caller writes; names are few.
        var method = Array.Find(Methods, method => HttpMethods.Equals(method, context.Request.Method)) ?? "_OTHER";
        if (endpoint is not RouteEndpoint { RoutePattern: { RawText: { } template } pattern })
            return $"{method} (no route)";
        // Conventional routes share a template: {controller=Home}/{action=Index} is as many actions as there are.
        foreach (var (name, value) in pattern.RequiredValues)
        {
            if (value is string text && pattern.GetParameter(name) is not null)
                template = Regex.Replace(template, $@"\{{{Regex.Escape(name)}[^{{}}]*\}}", text.Replace("$", "$$", StringComparison.Ordinal));
        }

        return $"{method} /{template.TrimStart('/')}";
    }

    private static void SetStatusCode(RunTree run, int statusCode)
    {
        if (run.IsRecorded)
        {
            run.SetOutputs(Outputs.GetOrAdd(
                statusCode, static code => new JsonPayload(PayloadSerializer.Wrap(PayloadSerializer.SerializeAll([new("status_code", code)])))));
        }
    }

    // What the server answers, unless something further out answers for it.
    private static int StatusCodeFor(Exception exception, HttpContext context) =>
        context.Response.HasStarted ? context.Response.StatusCode
        : exception is BadHttpRequestException bad ? bad.StatusCode
        : exception is OperationCanceledException && context.RequestAborted.IsCancellationRequested ? StatusCodes.Status499ClientClosedRequest
        : StatusCodes.Status500InternalServerError;
}
