using System.Globalization;
using System.Text;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Collector.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Collector.Api;

/// <summary>The JSON API of the page, and of tests in other languages.</summary>
internal sealed class ApiEndpoints(TraceStore store)
{
    private const int DefaultLimit = 200;

    // Short enough for the page to look live, and long enough for a page that requests all after each event.
    private static readonly TimeSpan EventPause = TimeSpan.FromMilliseconds(250);

    internal void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/traces", context => Guard(context, TracesAsync));
        endpoints.MapGet("/api/traces/{id}", context => Guard(context, TraceAsync));
        endpoints.MapGet("/api/runs/{id}", context => Guard(context, RunAsync));
        endpoints.MapGet("/api/problems", context => Guard(context, ProblemsAsync));
        endpoints.MapGet("/api/events", context => Guard(context, EventsAsync));
        endpoints.MapDelete("/api/traces", context => Guard(context, ClearAsync));
    }

    private static Task Guard(HttpContext context, Func<HttpContext, Task> handle) => CollectorGuard.Refuse(context) is { } reason
        ? JsonResponse.ErrorAsync(context, StatusCodes.Status403Forbidden, reason)
        : handle(context);

    private Task TracesAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var limit = int.TryParse(query["limit"], NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : DefaultLimit;
        // Read before the rest: a change in between has a later version, and the page requests again.
        var version = store.Version;
        var all = store.Summaries();
        var noted = store.NotedProblems();
        var mentioned = query["q"].ToString() is { Length: > 0 } text ? store.Search(text) : null;
        var matching = all.Where(trace =>
            Matches(query["project"], trace.Projects)
            && Matches(query["service"], trace.Services)
            && Matches(query["status"], [ApiJson.GetName(trace.Status)])
            && mentioned?.Contains(trace.Id) != false).ToList();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            json.WriteNumber("total", matching.Count);
            json.WriteNumber("runs", store.RunCount);
            json.WriteNumber("dropped", store.Dropped);
            json.WriteNumber("problems", store.ProblemCount);
            json.WriteStrings("projects", Sort(all.SelectMany(static trace => trace.Projects)));
            json.WriteStrings("services", Sort(all.SelectMany(static trace => trace.Services)));
            json.WriteStartArray("traces");
            foreach (var trace in matching.Take(limit))
            {
                json.WriteStartObject();
                json.WriteSummary(trace, trace.ProblemCount + noted.GetValueOrDefault(trace.Id));
                json.WriteNumber("runs", trace.Runs);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private Task TraceAsync(HttpContext context)
    {
        var version = store.Version;
        if (!TryReadId(context, out var traceId))
            return RefuseIdAsync(context, "trace");
        if (store.Trace(traceId) is not { } trace)
            return NotFoundAsync(context, "trace");
        var problems = store.Problems(traceId);
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            json.WriteSummary(trace.Summary, problems.Count);
            var byId = trace.Runs.ToDictionary(static run => run.Id);
            // A run whose parent has not arrived starts a tree of its own.
            var depths = new Dictionary<Guid, int>(trace.Runs.Count);
            var problemsOf = problems.ToLookup(static problem => problem.RunId);
            json.WriteStartArray("runs");
            foreach (var run in trace.Runs)
            {
                json.WriteStartObject();
                var parent = run.ParentRunId is { } id ? byId.GetValueOrDefault(id) : null;
                depths[run.Id] = parent is not null && depths.TryGetValue(parent.Id, out var above) ? above + 1 : 0;
                json.WriteRow(run, parent, depths[run.Id], trace.StartTime, problemsOf[run.Id].Count());
                json.WriteString("error", run.Error?.Split('\n', 2)[0]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteProblems("problem_list", problems);
        });
    }

    private Task RunAsync(HttpContext context)
    {
        if (!TryReadId(context, out var runId))
            return RefuseIdAsync(context, "run");
        if (store.Run(runId) is not { } run)
            return NotFoundAsync(context, "run");
        var parent = run.ParentRunId is { } id ? store.Run(id) : null;
        var start = store.Summary(run.TraceId)?.StartTime ?? run.StartTime;
        var problems = store.Problems(run.TraceId).Where(problem => problem.RunId == run.Id).ToList();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteRow(run, parent, run.Record.Depth, start, problems.Count);
            json.WriteString("trace_id", run.TraceId);
            json.WriteString("dotted_order", run.DottedOrder);
            json.WriteTimeOrNull("end", run.EndTime);
            json.WritePayload("inputs", run.Record.Run.InputsJson, "null"u8);
            json.WritePayload("outputs", run.Record.Run.OutputsJson, "null"u8);
            json.WriteMetadata(run.Metadata);
            json.WriteStrings("tags", run.Tags);
            json.WritePayload("events", run.Record.Events, "[]"u8);
            json.WriteString("error", run.Error);
            json.WritePayload("extra", run.Record.Extra, "null"u8);
            json.WriteAttachments(run.Attachments);
            json.WriteProblems("problem_list", problems);
        });
    }

    private Task ProblemsAsync(HttpContext context)
    {
        var version = store.Version;
        var problems = store.Problems();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            json.WriteNumber("total", problems.Count);
            json.WriteProblems("problems", problems.Take(1000));
        });
    }

    private async Task EventsAsync(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, context.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? default);
        try
        {
            while (true)
            {
                var version = store.Version;
                var data = string.Create(CultureInfo.InvariantCulture, $"data: {{\"version\":{version}}}\n\n");
                await response.WriteAsync(data, Encoding.UTF8, stopping.Token).ConfigureAwait(false);
                await response.Body.FlushAsync(stopping.Token).ConfigureAwait(false);
                await Task.Delay(EventPause, stopping.Token).ConfigureAwait(false);
                await store.WhenChangedSince(version).WaitAsync(stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The page is closed, or the application stops.
        }
    }

    private Task ClearAsync(HttpContext context)
    {
        store.Clear();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static bool TryReadId(HttpContext context, out Guid id) => Guid.TryParse((string)context.Request.RouteValues["id"]!, out id);

    private static Task RefuseIdAsync(HttpContext context, string what) =>
        JsonResponse.ErrorAsync(context, StatusCodes.Status404NotFound,
            $"'{context.Request.RouteValues["id"]}' is no id of a {what}: give a UUID.");

    private static Task NotFoundAsync(HttpContext context, string what) =>
        JsonResponse.ErrorAsync(context, StatusCodes.Status404NotFound,
            $"The {what} is not held: it was never posted, went because of the bounds, or was cleared.");

    private static bool Matches(string? wanted, IEnumerable<string> values) =>
        string.IsNullOrEmpty(wanted) || values.Contains(wanted, StringComparer.Ordinal);

    private static IEnumerable<string> Sort(IEnumerable<string> values) =>
        values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
}
