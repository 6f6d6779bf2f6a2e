using System.Globalization;
using System.Text.Json;
using LangSmith.Http.Collector.Model;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>Reads the JSON of a run; every refusal names the field.</summary>
internal static class RunJson
{
    // Two thousand years on either side of 1970, less than what a time can be.
    private const double MaxMilliseconds = 6e13;

    /// <summary>Reads a whole run, or the main part of one in a multipart body.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="isCreate">Whether it is a <c>post</c>.</param>
    /// <param name="pathId">The id given elsewhere, which <paramref name="json"/> may leave out.</param>
    /// <param name="elsewhere">Where that is.</param>
    internal static RunWrite Read(JsonElement json, bool isCreate, Guid? pathId = null, string elsewhere = "The path")
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw IngestException.Malformed($"A run must be a JSON object, not {Describe(json)}.");
        var id = Id(json, "id") ?? pathId ?? throw IngestException.Malformed("The run has no id.");
        if (pathId is not null && pathId != id)
            throw IngestException.Malformed($"{elsewhere} names run {pathId}, the JSON run {id}.");
        var run = new RunWrite(id, isCreate);
        try
        {
            run.Name = Text(json, "name");
            run.TraceId = Id(json, "trace_id");
            run.ParentRunId = Id(json, "parent_run_id");
            run.DottedOrder = Text(json, "dotted_order");
            run.RunType = Text(json, "run_type");
            run.Project = Text(json, "session_name");
            run.Address = Text(json, "address");
            run.NamesSession = Text(json, "session_id") is not null;
            run.StartTime = Time(json, "start_time");
            run.EndTime = Time(json, "end_time");
            run.Tags = Tags(json);
        }
        catch (IngestException refusal)
        {
            throw refusal.Of(run);
        }

        foreach (var field in (ReadOnlySpan<string>)["inputs", "outputs", "events", "extra", "error"])
        {
            if (Get(json, field) is { } value)
                SetField(run, field, value, JsonText.Bytes(value));
        }

        return run;
    }

    /// <summary>Sets a field that may come as a part of its own. Others than these are not kept.</summary>
    internal static void SetField(RunWrite run, string field, JsonElement value, byte[] utf8)
    {
        switch (field)
        {
            case "inputs":
                run.Inputs = Expect(run, field, value, utf8, JsonValueKind.Object);
                break;
            case "outputs":
                run.Outputs = Expect(run, field, value, utf8, JsonValueKind.Object);
                break;
            case "events":
                run.Events = Expect(run, field, value, utf8, JsonValueKind.Array);
                break;
            case "extra":
                run.Extra = Expect(run, field, value, utf8, JsonValueKind.Object);
                run.Service = ServiceOf(value);
                break;
            case "error":
                Expect(run, field, value, utf8, JsonValueKind.String);
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

    private static byte[] Expect(RunWrite run, string field, JsonElement value, byte[] utf8, JsonValueKind kind) => value.ValueKind == kind
        ? utf8
        : throw IngestException.Malformed($"'{field}' must be {Describe(kind)}, not {Describe(value)}.").Of(run);

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
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var milliseconds) && Math.Abs(milliseconds) < MaxMilliseconds)
            return DateTimeOffset.UnixEpoch.AddTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond));
        // Everything .NET takes for a time else, LangSmith does not.
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: >= 19 } text && text[4] == '-' && text[7] == '-' && text[10] is 'T' or 't' or ' ' && text[13] == ':'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
            return time;
        throw IngestException.Malformed($"'{field}' must be an RFC 3339 time or milliseconds since 1970, not {Describe(value)}.");
    }

    private static string Describe(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array
        ? Describe(value.ValueKind)
        : Shorten(value.GetRawText());

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => "a string",
    };

    private static string Shorten(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");
}
