using System.Globalization;
using System.Text;
using System.Text.Json;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Collector.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Collector.Api;

/// <summary>What the page shows, as JSON; for tests in other languages, too.</summary>
internal sealed class ApiEndpoints(LangSmithCollector collector)
{
    private const int DefaultLimit = 200;

    // Often enough to look live, seldom enough for a page that asks again each time.
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
        // First: what changes meanwhile has a version of its own, and the page asks again.
        var version = collector.Store.Version;
        var all = collector.Store.Summaries();
        var noted = collector.Store.NotedProblems();
        var mentioned = query["q"].ToString() is { Length: > 0 } text ? collector.Store.Search(text) : null;
        var matching = all.Where(trace =>
            Matches(query["project"], trace.Projects)
            && Matches(query["service"], trace.Services)
            && Matches(query["status"], [Name(trace.Status)])
            && mentioned?.Contains(trace.Id) != false).ToList();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            json.WriteNumber("total", matching.Count);
            json.WriteNumber("runs", collector.Store.RunCount);
            json.WriteNumber("dropped", collector.Store.Dropped);
            json.WriteNumber("problems", collector.Store.ProblemCount);
            WriteStrings(json, "projects", all.SelectMany(static trace => trace.Projects).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            WriteStrings(json, "services", all.SelectMany(static trace => trace.Services).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            json.WriteStartArray("traces");
            foreach (var trace in matching.Take(limit))
            {
                json.WriteStartObject();
                WriteSummary(json, trace, trace.ProblemCount + noted.GetValueOrDefault(trace.Id));
                json.WriteNumber("runs", trace.Runs);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private Task TraceAsync(HttpContext context)
    {
        var version = collector.Store.Version;
        if (!TryReadId(context, out var traceId))
            return NoIdAsync(context, "trace");
        if (collector.Store.Trace(traceId) is not { } trace)
            return GoneAsync(context, "trace");
        var problems = collector.Store.Problems(traceId);
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            WriteSummary(json, trace.Summary, problems.Count);
            var byId = trace.Runs.ToDictionary(static run => run.Id);
            // Below a parent that is not there a tree of its own begins.
            var depths = new Dictionary<Guid, int>(trace.Runs.Count);
            var problemsOf = problems.ToLookup(static problem => problem.RunId);
            json.WriteStartArray("runs");
            foreach (var run in trace.Runs)
            {
                json.WriteStartObject();
                var parent = run.ParentRunId is { } id ? byId.GetValueOrDefault(id) : null;
                depths[run.Id] = parent is not null && depths.TryGetValue(parent.Id, out var above) ? above + 1 : 0;
                WriteRow(json, run, parent, depths[run.Id], trace.StartTime, problemsOf[run.Id].Count());
                json.WriteString("error", run.Error?.Split('\n', 2)[0]);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteProblems(json, "problem_list", problems);
        });
    }

    private Task RunAsync(HttpContext context)
    {
        if (!TryReadId(context, out var runId))
            return NoIdAsync(context, "run");
        if (collector.Store.Run(runId) is not { } run)
            return GoneAsync(context, "run");
        var parent = run.ParentRunId is { } id ? collector.Store.Run(id) : null;
        var start = collector.Store.Summary(run.TraceId)?.StartTime ?? run.StartTime;
        var problems = collector.Store.Problems(run.TraceId).Where(problem => problem.RunId == run.Id).ToList();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            WriteRow(json, run, parent, run.Record.Depth, start, problems.Count);
            json.WriteString("trace_id", run.TraceId);
            json.WriteString("dotted_order", run.DottedOrder);
            WriteTime(json, "end", run.EndTime);
            WriteJson(json, "inputs", run.Record.Inputs);
            WriteJson(json, "outputs", run.Record.Outputs);
            json.WriteStartObject("metadata");
            foreach (var (key, value) in run.Metadata)
            {
                json.WritePropertyName(key);
                json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
            }

            json.WriteEndObject();
            WriteStrings(json, "tags", run.Tags);
            WriteJson(json, "events", run.Record.Events ?? "[]"u8.ToArray());
            json.WriteString("error", run.Error);
            WriteJson(json, "extra", run.Record.Extra);
            json.WriteStartArray("attachments");
            foreach (var attachment in run.Attachments)
            {
                json.WriteStartObject();
                json.WriteString("name", attachment.Name);
                json.WriteString("content_type", attachment.ContentType);
                json.WriteNumber("length", attachment.Content.Length);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteProblems(json, "problem_list", problems);
        });
    }

    private Task ProblemsAsync(HttpContext context)
    {
        var version = collector.Store.Version;
        var problems = collector.Store.Problems();
        return JsonResponse.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteNumber("version", version);
            json.WriteNumber("total", problems.Count);
            WriteProblems(json, "problems", problems.Take(1000));
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
                var version = collector.Store.Version;
                await response.WriteAsync($"data: {{\"version\":{version.ToString(CultureInfo.InvariantCulture)}}}\n\n", Encoding.UTF8, stopping.Token).ConfigureAwait(false);
                await response.Body.FlushAsync(stopping.Token).ConfigureAwait(false);
                await Task.Delay(EventPause, stopping.Token).ConfigureAwait(false);
                await collector.Store.WhenChangedSince(version).WaitAsync(stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The page is closed, or the application stops.
        }
    }

    private Task ClearAsync(HttpContext context)
    {
        collector.Clear();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static bool TryReadId(HttpContext context, out Guid id) => Guid.TryParse((string)context.Request.RouteValues["id"]!, out id);

    private static Task NoIdAsync(HttpContext context, string what) =>
        JsonResponse.ErrorAsync(context, StatusCodes.Status404NotFound, $"'{context.Request.RouteValues["id"]}' is no id of a {what}: give a UUID.");

    private static Task GoneAsync(HttpContext context, string what) =>
        JsonResponse.ErrorAsync(context, StatusCodes.Status404NotFound, $"The {what} is not held: it was never posted, went because of the bounds, or was cleared.");

    private static bool Matches(string? wanted, IEnumerable<string> values) => string.IsNullOrEmpty(wanted) || values.Contains(wanted, StringComparer.Ordinal);

    private static string Name(RunStatus status) => status switch
    {
        RunStatus.Ok => "ok",
        RunStatus.Error => "error",
        _ => "pending",
    };

    private static void WriteSummary(Utf8JsonWriter json, TraceSummary trace, int problems)
    {
        json.WriteString("id", trace.Id);
        json.WriteString("name", trace.Name);
        json.WriteString("project", trace.Project);
        WriteStrings(json, "services", trace.Services);
        json.WriteString("status", Name(trace.Status));
        WriteTime(json, "start", trace.StartTime);
        if (trace.Duration is { } duration)
            json.WriteNumber("duration_ms", Math.Round(duration.TotalMilliseconds, 3));
        else
            json.WriteNull("duration_ms");
        json.WriteNumber("errors", trace.Errors);
        json.WriteNumber("pending", trace.Pending);
        json.WriteNumber("problems", problems);
        json.WriteString("thread_id", trace.ThreadId);
        // The page asks for an open trace again when this line is another one.
        json.WriteNumber("changes", trace.Changes);
    }

    private static void WriteRow(Utf8JsonWriter json, CollectedRun run, CollectedRun? parent, int depth, DateTimeOffset traceStart, int problems)
    {
        json.WriteString("id", run.Id);
        if (run.ParentRunId is { } parentId)
            json.WriteString("parent_id", parentId);
        else
            json.WriteNull("parent_id");
        json.WriteString("name", run.Name);
        json.WriteString("run_type", run.RunType);
        json.WriteString("service", run.Service);
        json.WriteString("project", run.Project);
        json.WriteString("status", Name(run.Status));
        WriteTime(json, "start", run.StartTime);
        json.WriteNumber("offset_us", (run.StartTime - traceStart).Ticks / TimeSpan.TicksPerMicrosecond);
        if (run.Duration is { } duration)
            json.WriteNumber("duration_us", duration.Ticks / TimeSpan.TicksPerMicrosecond);
        else
            json.WriteNull("duration_us");
        json.WriteNumber("depth", depth);
        json.WriteBoolean("is_hop", parent is not null && parent.Service != run.Service);
        json.WriteBoolean("is_orphan", run.ParentRunId is not null && parent is null);
        json.WriteNumber("problems", problems);
    }

    private static void WriteProblems(Utf8JsonWriter json, string name, IEnumerable<CollectorProblem> problems)
    {
        json.WriteStartArray(name);
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("code", problem.Code);
            json.WriteString("severity", problem.Severity == ProblemSeverity.Error ? "error" : "warning");
            json.WriteString("message", problem.Message);
            WriteId(json, "trace_id", problem.TraceId);
            WriteId(json, "run_id", problem.RunId);
            json.WriteString("run_name", problem.RunName);
            json.WriteNumber("count", problem.Count);
            WriteTime(json, "time", problem.Time);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteId(Utf8JsonWriter json, string name, Guid? id)
    {
        if (id is { } value)
            json.WriteString(name, value);
        else
            json.WriteNull(name);
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time) =>
        json.WriteString(name, time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));

    private static void WriteStrings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static void WriteJson(Utf8JsonWriter json, string name, byte[]? utf8)
    {
        json.WritePropertyName(name);
        if (utf8 is null)
            json.WriteNullValue();
        else
            json.WriteRawValue(utf8, skipInputValidation: true);
    }
}
