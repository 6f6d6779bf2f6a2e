using System.Globalization;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>A run as an SDK posts it, right until a test breaks it.</summary>
internal sealed class SampleRun
{
    internal static readonly DateTime Time = new(2026, 11, 22, 8, 0, 0, DateTimeKind.Utc);

    private SampleRun(string name, DateTime start, Guid id, SampleRun? parent)
    {
        Start = start;
        Id = id;
        TraceId = parent?.TraceId ?? id;
        DottedOrder = (parent is null ? "" : parent.DottedOrder + ".") + Segment(start, id);
        Post = new JsonObject
        {
            ["id"] = id,
            ["trace_id"] = TraceId,
            ["dotted_order"] = DottedOrder,
            ["name"] = name,
            ["run_type"] = "chain",
            ["session_name"] = "default",
            ["start_time"] = Text(start),
            ["end_time"] = Text(start.AddMilliseconds(10)),
            ["inputs"] = new JsonObject { ["of"] = name },
            ["outputs"] = new JsonObject { ["by"] = name },
        };
        if (parent is not null)
            Post["parent_run_id"] = parent.Id;
    }

    internal DateTime Start { get; }

    internal Guid Id { get; }

    internal string DottedOrder { get; }

    internal Guid TraceId { get; }

    /// <summary>All of it in one; tests change it.</summary>
    internal JsonObject Post { get; }

    internal static SampleRun Root(string name = "root", int number = 1) => new(name, Time, IdOf(Time, number), null);

    internal static SampleRun RootAt(DateTime start, Guid id) => new("root", start, id, null);

    internal SampleRun Child(string name = "child", int milliseconds = 1, int number = 2) => ChildAt(name, Start.AddMilliseconds(milliseconds), number);

    internal SampleRun ChildAt(string name, DateTime start, int number) => new(name, start, IdOf(start, number), this);

    /// <summary>Without its end, which a test patches.</summary>
    internal SampleRun Open() => Without("end_time").Without("outputs");

    internal SampleRun Without(string field)
    {
        Post.Remove(field);
        return this;
    }

    internal SampleRun With(string field, JsonNode? value)
    {
        Post[field] = value;
        return this;
    }

    /// <summary>The end of an open run, as an update.</summary>
    internal JsonObject Patch(int milliseconds = 10)
    {
        var patch = new JsonObject
        {
            ["id"] = Id,
            ["trace_id"] = TraceId,
            ["dotted_order"] = DottedOrder,
            ["end_time"] = Text(Start.AddMilliseconds(milliseconds)),
            ["outputs"] = new JsonObject { ["by"] = "patch" },
        };
        if (Post["parent_run_id"] is { } parent)
            patch["parent_run_id"] = parent.DeepClone();
        return patch;
    }

    internal static Guid IdOf(DateTime time, int number)
    {
        var milliseconds = new DateTimeOffset(time).ToUnixTimeMilliseconds().ToString("x12", CultureInfo.InvariantCulture);
        return Guid.Parse($"{milliseconds[..8]}-{milliseconds[8..]}-7000-8000-{number:x12}");
    }

    internal static string Segment(DateTime time, Guid id) => time.ToString("yyyyMMdd'T'HHmmssffffff'Z'", CultureInfo.InvariantCulture) + id;

    internal static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
