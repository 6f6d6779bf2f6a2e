using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LangSmith.Http;

/// <summary>Reads the JSON of a run; every refusal names the field.</summary>
internal static class RunJson
{
    /// <summary>Reads a whole run, or the main part of one in a multipart body.</summary>
    internal static RunWrite Read(JsonElement json, bool isCreate, Guid? pathId = null)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw IngestException.Malformed($"A run must be a JSON object, not {Describe(json)}.");
        var id = Id(json, "id") ?? pathId ?? throw IngestException.Malformed("The run has no id.");
        if (pathId is not null && pathId != id)
            throw IngestException.Malformed($"The path names run {pathId}, the body run {id}.");
        var run = new RunWrite(id, isCreate)
        {
            TraceId = Id(json, "trace_id"),
            ParentRunId = Id(json, "parent_run_id"),
            DottedOrder = Text(json, "dotted_order"),
            Name = Text(json, "name"),
            RunType = Text(json, "run_type"),
            Project = Text(json, "session_name"),
            Address = Text(json, "address"),
            StartTime = Time(json, "start_time"),
            EndTime = Time(json, "end_time"),
            Tags = Tags(json),
        };
        foreach (var field in (ReadOnlySpan<string>)["inputs", "outputs", "events", "extra", "error"])
        {
            if (Get(json, field) is { } value)
                SetField(run, field, value, Encoding.UTF8.GetBytes(value.GetRawText()));
        }

        return run;
    }

    /// <summary>Sets a field that may come as a part of its own. Others than these are not kept.</summary>
    internal static void SetField(RunWrite run, string field, JsonElement value, byte[] utf8)
    {
        switch (field)
        {
            case "inputs":
                run.Inputs = Expect(field, value, utf8, JsonValueKind.Object);
                break;
            case "outputs":
                run.Outputs = Expect(field, value, utf8, JsonValueKind.Object);
                break;
            case "events":
                run.Events = Expect(field, value, utf8, JsonValueKind.Array);
                break;
            case "extra":
                run.Extra = Expect(field, value, utf8, JsonValueKind.Object);
                run.Service = ServiceOf(value);
                break;
            case "error":
                Expect(field, value, utf8, JsonValueKind.String);
                run.Error = value.GetString();
                break;
        }
    }

    // Nobody's protocol says which service recorded a run; the SDKs say which of them did.
    private static string? ServiceOf(JsonElement extra) =>
        extra.TryGetProperty("runtime", out var runtime) && runtime.ValueKind == JsonValueKind.Object
            ? Name(runtime, "service") ?? Name(runtime, "sdk")
            : null;

    private static string? Name(JsonElement json, string property) =>
        json.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } name ? name : null;

    private static byte[] Expect(string field, JsonElement value, byte[] utf8, JsonValueKind kind) => value.ValueKind == kind
        ? utf8
        : throw IngestException.Malformed($"'{field}' must be {Describe(kind)}, not {Describe(value)}.");

    private static JsonElement? Get(JsonElement json, string field) =>
        json.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement json, string field) => Get(json, field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw IngestException.Malformed($"'{field}' must be a string, not {Describe(value)}."),
    };

    private static Guid? Id(JsonElement json, string field) => Text(json, field) switch
    {
        null => null,
        var text when Guid.TryParse(text, out var id) => id,
        var text => throw IngestException.Malformed($"'{field}' is '{Shorten(text)}', which is no UUID."),
    };

    private static IReadOnlyList<string>? Tags(JsonElement json)
    {
        if (Get(json, "tags") is not { } tags)
            return null;
        if (tags.ValueKind != JsonValueKind.Array || tags.EnumerateArray().Any(static tag => tag.ValueKind != JsonValueKind.String))
            throw IngestException.Malformed("'tags' must be an array of strings.");
        return [.. tags.EnumerateArray().Select(static tag => tag.GetString()!)];
    }

    // RFC 3339, or milliseconds since 1970, as JavaScript sends an end.
    private static DateTimeOffset? Time(JsonElement json, string field)
    {
        if (Get(json, field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var milliseconds) && Math.Abs(milliseconds) < 1e14)
            return DateTimeOffset.UnixEpoch.AddTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond));
        if (value.ValueKind == JsonValueKind.String
            && DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
            return time;
        throw IngestException.Malformed($"'{field}' must be an RFC 3339 time or milliseconds since 1970, not {Describe(value)}.");
    }

    private static string Describe(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array
        ? Describe(value.ValueKind)
        : $"'{Shorten(value.ToString())}'";

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => "a string",
    };

    private static string Shorten(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");
}
