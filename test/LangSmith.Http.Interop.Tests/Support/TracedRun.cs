using System.Text.Json;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A run of either language, as its service recorded it.</summary>
internal sealed record TracedRun(string Service, string Name, string Id, string TraceId, string? ParentRunId, string DottedOrder)
{
    public required string? Project { get; init; }

    public required string? Error { get; init; }

    public required bool HasEnded { get; init; }

    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>Values as JSON, written one way.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    public static TracedRun Of(string service, JsonObject run) =>
        new(service, (string)run["name"]!, (string)run["id"]!, (string)run["trace_id"]!, (string?)run["parent_run_id"], (string)run["dotted_order"]!)
        {
            Project = (string?)run["session_name"],
            Error = (string?)run["error"],
            HasEnded = run["end_time"] is not null,
            Tags = [.. (run["tags"]?.AsArray() ?? []).Select(static tag => (string)tag!)],
            Metadata = (run["extra"]?["metadata"]?.AsObject() ?? []).ToDictionary(static pair => pair.Key, static pair => pair.Value?.ToJsonString() ?? "null"),
        };

    public static IEnumerable<TracedRun> Of(string service, InMemoryRunRecorder recorder) => recorder.Runs.Select(run =>
        new TracedRun(service, run.Name, run.Id.ToString(), run.TraceId.ToString(), run.ParentRunId?.ToString(), run.DottedOrder)
        {
            Project = run.Project,
            Error = run.Error,
            HasEnded = run.EndTime is not null,
            Tags = run.Tags,
            Metadata = run.Metadata.ToDictionary(static pair => pair.Key, static pair => ToJson(pair.Value)),
        });

    /// <summary>What <see cref="Metadata"/> has for a value.</summary>
    public static string ToJson<T>(T value) => JsonSerializer.SerializeToNode(value)?.ToJsonString() ?? "null";
}
