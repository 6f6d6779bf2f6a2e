using System.Globalization;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Collector.PageTests;

/// <summary>A run as an SDK posts it, for what this library's own tracer would never say.</summary>
internal static class PostedRun
{
    public static JsonObject New(string name, JsonObject? parent = null)
    {
        var start = DateTimeOffset.UtcNow;
        var id = Guid.CreateVersion7(start);
        var segment = string.Create(CultureInfo.InvariantCulture, $"{start:yyyyMMdd'T'HHmmssffffff'Z'}{id}");
        return new JsonObject
        {
            ["id"] = id.ToString(),
            ["trace_id"] = (parent?["trace_id"] ?? id.ToString()).ToString(),
            ["parent_run_id"] = parent?["id"]?.ToString(),
            ["dotted_order"] = parent is null ? segment : $"{parent["dotted_order"]}.{segment}",
            ["name"] = name,
            ["run_type"] = "chain",
            ["start_time"] = Time(start),
            ["session_name"] = "default",
            ["inputs"] = new JsonObject(),
        };
    }

    public static JsonObject Ended(this JsonObject run, int milliseconds = 180) =>
        run.With("end_time", Time(DateTimeOffset.Parse(run["start_time"]!.ToString(), CultureInfo.InvariantCulture).AddMilliseconds(milliseconds)));

    public static JsonObject With(this JsonObject run, string key, JsonNode? value)
    {
        run[key] = value;
        return run;
    }

    public static Guid Id(this JsonObject run) => Guid.Parse(run["id"]!.ToString());

    public static Guid TraceId(this JsonObject run) => Guid.Parse(run["trace_id"]!.ToString());

    /// <summary>The end of a run, which comes later than the run.</summary>
    public static JsonObject End(this JsonObject run) => new()
    {
        ["id"] = run["id"]!.ToString(),
        ["trace_id"] = run["trace_id"]!.ToString(),
        ["parent_run_id"] = run["parent_run_id"]?.ToString(),
        ["dotted_order"] = run["dotted_order"]!.ToString(),
        ["end_time"] = Time(DateTimeOffset.UtcNow),
    };

    private static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
