using System.Text.Json;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Collector.Api;

/// <summary>Writes the objects of the store as the JSON that the page reads.</summary>
internal static class ApiJson
{
    internal static string GetName(RunStatus status) => status switch
    {
        RunStatus.Ok => "ok",
        RunStatus.Error => "error",
        _ => "pending",
    };

    internal static void WriteSummary(this Utf8JsonWriter json, TraceSummary trace, int problems)
    {
        json.WriteString("id", trace.Id);
        json.WriteString("name", trace.Name);
        json.WriteString("project", trace.Project);
        json.WriteStrings("services", trace.Services);
        json.WriteString("status", GetName(trace.Status));
        json.WriteTimeOrNull("start", trace.StartTime);
        if (trace.Duration is { } duration)
            json.WriteNumber("duration_ms", Math.Round(duration.TotalMilliseconds, 3));
        else
            json.WriteNull("duration_ms");
        json.WriteNumber("errors", trace.Errors);
        json.WriteNumber("pending", trace.Pending);
        json.WriteNumber("problems", problems);
        json.WriteString("thread_id", trace.ThreadId);
        // If this number changes, the page requests an open trace again.
        json.WriteNumber("changes", trace.Changes);
    }

    internal static void WriteRow(
        this Utf8JsonWriter json, CollectedRun run, CollectedRun? parent, int depth, DateTimeOffset traceStart, int problems)
    {
        json.WriteString("id", run.Id);
        json.WriteId("parent_id", run.ParentRunId);
        json.WriteString("name", run.Name);
        json.WriteString("run_type", run.RunType);
        json.WriteString("service", run.Service);
        json.WriteString("project", run.Project);
        json.WriteString("status", GetName(run.Status));
        json.WriteTimeOrNull("start", run.StartTime);
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

    internal static void WriteProblems(this Utf8JsonWriter json, string name, IEnumerable<CollectorProblem> problems)
    {
        json.WriteStartArray(name);
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("code", problem.Code);
            json.WriteString("severity", problem.Severity == ProblemSeverity.Error ? "error" : "warning");
            json.WriteString("message", problem.Message);
            json.WriteId("trace_id", problem.TraceId);
            json.WriteId("run_id", problem.RunId);
            json.WriteString("run_name", problem.RunName);
            json.WriteNumber("count", problem.Count);
            json.WriteTimeOrNull("time", problem.Time);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    internal static void WriteAttachments(this Utf8JsonWriter json, IReadOnlyList<CollectedAttachment> attachments)
    {
        json.WriteStartArray("attachments");
        foreach (var attachment in attachments)
        {
            json.WriteStartObject();
            json.WriteString("name", attachment.Name);
            json.WriteString("content_type", attachment.ContentType);
            json.WriteNumber("length", attachment.Content.Length);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    internal static void WriteMetadata(this Utf8JsonWriter json, IReadOnlyDictionary<string, JsonElement> metadata)
    {
        json.WriteStartObject("metadata");
        json.WriteProperties(metadata);
        json.WriteEndObject();
    }

    internal static void WriteStrings(this Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    internal static void WriteTimeOrNull(this Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } value)
            json.WriteTime(name, value);
        else
            json.WriteNull(name);
    }

    internal static void WritePayload(this Utf8JsonWriter json, string name, JsonPayload? payload, ReadOnlySpan<byte> ifNull)
    {
        json.WritePropertyName(name);
        json.WriteRaw(payload is null ? ifNull : payload.Utf8);
    }

    private static void WriteId(this Utf8JsonWriter json, string name, Guid? id)
    {
        if (id is { } value)
            json.WriteString(name, value);
        else
            json.WriteNull(name);
    }
}
