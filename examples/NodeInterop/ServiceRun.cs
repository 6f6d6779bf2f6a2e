using System.Text.Json.Nodes;
using LangSmith.Http;

namespace NodeInterop;

/// <summary>What one service recorded, whichever its language.</summary>
internal sealed record ServiceRun(
    string Service, string Name, string Id, string TraceId, string? ParentRunId, string DottedOrder, string? Project, string? ThreadId)
{
    public static ServiceRun Of(string service, RecordedRun run) => new(
        service, run.Name, run.Id.ToString(), run.TraceId.ToString(), run.ParentRunId?.ToString(), run.DottedOrder, run.Project,
        run.Metadata.TryGetValue("thread_id", out var threadId) ? threadId.GetString() : null);

    public static ServiceRun Of(string service, JsonObject run) => new(
        service, (string)run["name"]!, (string)run["id"]!, (string)run["trace_id"]!, (string?)run["parent_run_id"],
        (string)run["dotted_order"]!, (string?)run["session_name"], (string?)run["extra"]?["metadata"]?["thread_id"]);
}
