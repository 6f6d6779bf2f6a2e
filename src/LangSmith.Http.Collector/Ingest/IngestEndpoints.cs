using System.Globalization;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Traces;
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
/// The part of LangSmith's API that SDKs post to. Refuses a whole request if LangSmith would refuse one of its runs, answers
/// with the reason, and stores the reason as a problem.
/// </summary>
/// <param name="store">Stores the runs.</param>
/// <param name="maxRequestBytes">The largest body.</param>
/// <param name="getFault">Returns what goes wrong on purpose with a request of this method and path; null if nothing does.</param>
internal sealed class IngestEndpoints(TraceStore store, long maxRequestBytes, Func<string, string, CollectorFault?> getFault)
{
    // SDKs that do not read batch_ingest_config send batches of their own size.
    private const int MaxOperations = 1000;

    internal void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/info", context => Handle(context, static () => Task.CompletedTask, InfoAsync));
        endpoints.MapPost("/runs", context => Handle(context, () => StoreRunAsync(context.Request, isCreate: true, pathId: null)));
        endpoints.MapPatch("/runs/{id}", context => Handle(context, () =>
        {
            if (!Guid.TryParse((string)context.Request.RouteValues["id"]!, out var id))
                throw RefusedException.Malformed($"The path names run '{context.Request.RouteValues["id"]}', which is no UUID.");
            return StoreRunAsync(context.Request, isCreate: false, id);
        }));
        endpoints.MapPost("/runs/batch", context => Handle(context, async () =>
            Store(await IngestBody.ReadBatchAsync(context.Request, maxRequestBytes).ConfigureAwait(false), isAlone: false)));
        endpoints.MapPost("/runs/multipart", context => Handle(context, async () =>
            Store(await IngestBody.ReadMultipartAsync(context.Request, maxRequestBytes).ConfigureAwait(false), isAlone: false)));
    }

    private static Task AcceptedAsync(HttpContext context) =>
        JsonResponse.WriteAsync(context, StatusCodes.Status202Accepted, static json => json.WriteString("message", "Runs accepted."));

    private Task InfoAsync(HttpContext context) =>
        JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("version", "0.0.0-collector");
            json.WriteStartObject("batch_ingest_config");
            json.WriteBoolean("use_multipart_endpoint", true);
            json.WriteNumber("size_limit", 100);
            json.WriteNumber("size_limit_bytes", maxRequestBytes);
            // If there is a batch_ingest_config, Python reads these without a default.
            json.WriteNumber("scale_up_qsize_trigger", 200);
            json.WriteNumber("scale_up_nthreads_limit", 32);
            json.WriteNumber("scale_down_nempty_trigger", 4);
            json.WriteEndObject();
            json.WriteStartObject("instance_flags");
            json.WriteBoolean("gzip_body_enabled", true);
            json.WriteBoolean("zstd_compression_enabled", false);
            json.WriteEndObject();
        });

    private async Task StoreRunAsync(HttpRequest request, bool isCreate, Guid? pathId) =>
        Store([await IngestBody.ReadRunAsync(request, maxRequestBytes, isCreate, pathId).ConfigureAwait(false)], isAlone: true);

    private void Store(IReadOnlyList<RunWrite> writes, bool isAlone)
    {
        if (writes.Count > MaxOperations)
            throw IngestRefusals.TooManyRuns(writes.Count, MaxOperations);
        foreach (var write in writes)
            RunValidator.Check(write, isAlone);
        store.Apply(writes);
    }

    private async Task Handle(HttpContext context, Func<Task> handle, Func<HttpContext, Task>? answer = null)
    {
        if (CollectorGuard.Refuse(context) is { } reason)
        {
            await RefuseAsync(context, IngestRefusals.Forbidden(reason)).ConfigureAwait(false);
            return;
        }

        // A host that stops does not wait for a slow sender.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, context.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? default);
        context.RequestAborted = end.Token;

        // IngestBody has the limit instead of the server, so that the answer has a message.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = null;
        var fault = getFault(context.Request.Method, context.Request.Path);
        if (fault is not null && await TryFailAsync(context, fault).ConfigureAwait(false))
            return;
        try
        {
            await handle().ConfigureAwait(false);
            if (fault is { Kind: CollectorFaultKind.LoseResponse })
                context.Abort();
            else
                await (answer ?? AcceptedAsync)(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            context.Abort();
        }
        catch (RefusedException exception)
        {
            await RefuseAsync(context, exception.Refusal).ConfigureAwait(false);
        }
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        store.Refuse(refusal);
        return JsonResponse.ErrorAsync(context, IngestRefusals.GetStatusCode(refusal), refusal.Message);
    }

    // Returns true if the request ends here.
    private static async Task<bool> TryFailAsync(HttpContext context, CollectorFault fault)
    {
        switch (fault.Kind)
        {
            case CollectorFaultKind.Delay:
                if (await TryWaitAsync(context, fault.Time).ConfigureAwait(false))
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

    // Returns false if the sender disconnects or the collector stops.
    private static async Task<bool> TryWaitAsync(HttpContext context, TimeSpan delay)
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
