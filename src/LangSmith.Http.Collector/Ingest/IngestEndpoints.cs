using System.Globalization;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Validation;
using LangSmith.Http.Collector.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>
/// The part of LangSmith's API that SDKs post to. A request with a run LangSmith would refuse is refused as a whole, with
/// the reason, and the reason is kept as a problem.
/// </summary>
internal sealed class IngestEndpoints(LangSmithCollector collector)
{
    // Known names of the SDKs; what they do not say they send in batches of their own.
    private const int MaxOperations = 1000;

    internal void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/info", context => Handle(context, InfoAsync));
        endpoints.MapPost("/runs", context => Handle(context, async () =>
        {
            Store([await IngestBody.ReadRunAsync(context.Request, collector.MaxRequestBytes, isCreate: true, pathId: null).ConfigureAwait(false)], isAlone: true);
            return Accepted;
        }));
        endpoints.MapPatch("/runs/{id}", context => Handle(context, async () =>
        {
            if (!Guid.TryParse((string)context.Request.RouteValues["id"]!, out var id))
                throw IngestException.Malformed($"The path names run '{context.Request.RouteValues["id"]}', which is no UUID.");
            Store([await IngestBody.ReadRunAsync(context.Request, collector.MaxRequestBytes, isCreate: false, id).ConfigureAwait(false)], isAlone: true);
            return Accepted;
        }));
        endpoints.MapPost("/runs/batch", context => Handle(context, async () =>
        {
            Store(await IngestBody.ReadBatchAsync(context.Request, collector.MaxRequestBytes).ConfigureAwait(false), isAlone: false);
            return Accepted;
        }));
        endpoints.MapPost("/runs/multipart", context => Handle(context, async () =>
        {
            Store(await IngestBody.ReadMultipartAsync(context.Request, collector.MaxRequestBytes).ConfigureAwait(false), isAlone: false);
            return Accepted;
        }));
    }

    private static Task Accepted(HttpContext context) =>
        JsonResponse.WriteAsync(context, StatusCodes.Status202Accepted, static json => json.WriteString("message", "Runs accepted."));

    private Task<Func<HttpContext, Task>> InfoAsync() => Task.FromResult<Func<HttpContext, Task>>(context =>
        JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("version", "0.0.0-collector");
            json.WriteStartObject("batch_ingest_config");
            json.WriteBoolean("use_multipart_endpoint", true);
            json.WriteNumber("size_limit", 100);
            json.WriteNumber("size_limit_bytes", collector.MaxRequestBytes);
            // Python reads these without a default once there is any batch_ingest_config.
            json.WriteNumber("scale_up_qsize_trigger", 200);
            json.WriteNumber("scale_up_nthreads_limit", 32);
            json.WriteNumber("scale_down_nempty_trigger", 4);
            json.WriteEndObject();
            json.WriteStartObject("instance_flags");
            json.WriteBoolean("gzip_body_enabled", true);
            json.WriteBoolean("zstd_compression_enabled", false);
            json.WriteEndObject();
        }));

    private void Store(IReadOnlyList<RunWrite> runs, bool isAlone)
    {
        if (runs.Count > MaxOperations)
            throw new IngestException(StatusCodes.Status413PayloadTooLarge, "too_many_runs", $"The batch has {runs.Count} operations; GET /info says 100 (batch_ingest_config.size_limit), and more than {MaxOperations} are refused.");
        foreach (var run in runs)
            RunValidator.Check(run, isAlone);
        collector.Store.Apply(runs);
    }

    private async Task Handle(HttpContext context, Func<Task<Func<HttpContext, Task>>> handle)
    {
        if (CollectorGuard.Refuse(context) is { } reason)
        {
            collector.Store.Refuse(new IngestException(StatusCodes.Status403Forbidden, "request_refused", reason));
            await JsonResponse.ErrorAsync(context, StatusCodes.Status403Forbidden, reason).ConfigureAwait(false);
            return;
        }

        // A host that stops does not wait for a sender that takes its time.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, context.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? default);
        context.RequestAborted = end.Token;

        // Ours is the limit, so that what is too large gets words.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
        var fault = collector.Fault?.Invoke(new CollectorRequest(collector.NextRequest(), context.Request.Method, context.Request.Path));
        if (fault is not null && await FailsAsync(context, fault).ConfigureAwait(false))
            return;
        try
        {
            var answer = await handle().ConfigureAwait(false);
            if (fault is { Kind: CollectorFaultKind.LoseResponse })
                context.Abort();
            else
                await answer(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (IngestException refusal)
        {
            collector.Store.Refuse(refusal);
            await JsonResponse.ErrorAsync(context, refusal.StatusCode, refusal.Message).ConfigureAwait(false);
        }
    }

    // True when the request ends here.
    private static async Task<bool> FailsAsync(HttpContext context, CollectorFault fault)
    {
        switch (fault.Kind)
        {
            case CollectorFaultKind.Delay:
                if (await WaitsAsync(context, fault.Time).ConfigureAwait(false))
                    return false;
                context.Abort();
                return true;
            case CollectorFaultKind.Status:
                if (fault.Time >= TimeSpan.Zero)
                    context.Response.Headers.RetryAfter = ((long)fault.Time.TotalSeconds).ToString(CultureInfo.InvariantCulture);
                await JsonResponse.ErrorAsync(context, fault.StatusCode, "A fault that was asked for.").ConfigureAwait(false);
                return true;
            case CollectorFaultKind.ResetMidBody:
                _ = await context.Request.Body.ReadAsync(new byte[16], context.RequestAborted).ConfigureAwait(false);
                context.Abort();
                return true;
            default:
                return false;
        }
    }

    // False when the sender gave up, or the collector stops.
    private static async Task<bool> WaitsAsync(HttpContext context, TimeSpan delay)
    {
        try
        {
            await Task.Delay(delay, context.RequestAborted).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
