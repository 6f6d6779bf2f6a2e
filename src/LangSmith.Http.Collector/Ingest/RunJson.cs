using System.Globalization;
using System.Text.Json;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>Reads the JSON of a run. Every refusal names the field.</summary>
internal static class RunJson
{
    // Two thousand years before and after 1970, which DateTimeOffset can represent.
    private const double MaxMilliseconds = 6e13;

    private const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;

    // The length of values that messages quote.
    private const int MaxText = 60;

    /// <summary>Reads a whole run, or the main part of one in a multipart body.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="isCreate">Whether the run is in a <c>post</c>.</param>
    /// <param name="pathId">The id from another place, which <paramref name="json"/> may leave out.</param>
    /// <param name="elsewhere">The place of <paramref name="pathId"/>, for messages.</param>
    internal static RunWrite Read(JsonElement json, bool isCreate, Guid? pathId = null, string elsewhere = "The path")
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw RefusedException.Malformed($"A run must be a JSON object, not {Describe(json)}.");
        var id = Id(json, "id") ?? pathId ?? throw RefusedException.Malformed("The run has no id.");
        if (pathId is not null && pathId != id)
            throw RefusedException.Malformed($"{elsewhere} names run {pathId}, the JSON run {id}.");
        var write = ReadFields(json, id, isCreate);
        foreach (var field in (ReadOnlySpan<string>)["inputs", "outputs", "events", "extra", "error"])
        {
            if (Get(json, field) is { } value)
                SetField(write, field, value);
        }

        return write;
    }

    /// <summary>Sets a field that may be a part of its own; ignores fields with other names.</summary>
    internal static void SetField(RunWrite write, string field, JsonElement value)
    {
        switch (field)
        {
            case "inputs":
                write.Run = write.Run with { InputsJson = Expect(write, field, value, JsonValueKind.Object) };
                break;
            case "outputs":
                write.Run = write.Run with { OutputsJson = Expect(write, field, value, JsonValueKind.Object) };
                break;
            case "events":
                write.Events = Expect(write, field, value, JsonValueKind.Array);
                break;
            case "extra":
                write.Extra = Expect(write, field, value, JsonValueKind.Object);
                write.Service = GetService(value);
                break;
            case "error":
                Expect(write, field, value, JsonValueKind.String);
                write.Run = write.Run with { Error = value.GetString() };
                break;
        }
    }

    // Reads name and trace id first: refusals of the others have them.
    private static RunWrite ReadFields(JsonElement json, Guid id, bool isCreate)
    {
        var (name, traceId) = ((string?)null, (Guid?)null);
        try
        {
            name = Text(json, "name");
            traceId = Id(json, "trace_id");
            var parentRunId = Id(json, "parent_run_id");
            var (dottedOrder, runType) = (Text(json, "dotted_order"), Text(json, "run_type"));
            var (project, address) = (Text(json, "session_name"), Text(json, "address"));
            var sessionId = Text(json, "session_id");
            var (start, end) = (Time(json, "start_time"), Time(json, "end_time"));
            var tags = Tags(json);
            var given = RunWrite.If(RunFields.Name, name)
                | RunWrite.If(RunFields.TraceId, traceId)
                | RunWrite.If(RunFields.DottedOrder, dottedOrder)
                | RunWrite.If(RunFields.RunType, runType)
                | RunWrite.If(RunFields.SessionId, sessionId)
                | RunWrite.If(RunFields.StartTime, start)
                | RunWrite.If(RunFields.Tags, tags);
            var run = new RunSnapshot
            {
                Id = id,
                TraceId = traceId ?? id,
                ParentRunId = parentRunId,
                DottedOrder = dottedOrder ?? "",
                Name = name ?? "",
                RunType = runType ?? RunTypes.Chain,
                Project = address is null ? project : null,
                Address = address,
                StartTime = start ?? default,
                EndTime = end,
                Tags = tags ?? [],
            };
            return new RunWrite(run, isCreate, given);
        }
        catch (RefusedException refusal)
        {
            throw refusal.Of(id, traceId, name);
        }
    }

    // No protocol names the service that recorded a run; the SDKs send their own name.
    private static string? GetService(JsonElement extra) =>
        extra.TryGetProperty("runtime", out var runtime) && runtime.ValueKind == JsonValueKind.Object
            ? GetName(runtime, "service") ?? GetName(runtime, "sdk")
            : null;

    private static string? GetName(JsonElement json, string property) =>
        json.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String
        && value.GetString() is { Length: > 0 } name ? name : null;

    private static JsonPayload? Expect(RunWrite write, string field, JsonElement value, JsonValueKind kind) => value.ValueKind == kind
        ? JsonPayload.From(value)
        : throw RefusedException.Malformed($"'{field}' must be {Describe(kind)}, not {Describe(value)}.").Of(write);

    private static JsonElement? Get(JsonElement json, string field) =>
        json.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement json, string field) => Get(json, field) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw RefusedException.Malformed($"'{field}' must be a string, not {Describe(value)}."),
    };

    private static Guid? Id(JsonElement json, string field) => Text(json, field) switch
    {
        null => null,
        var text when Guid.TryParse(text, out var id) => id,
        var text => throw RefusedException.Malformed($"'{field}' is '{RunLabel.Shorten(text, MaxText)}', which is no UUID."),
    };

    private static IReadOnlyList<string>? Tags(JsonElement json)
    {
        if (Get(json, "tags") is not { } tags)
            return null;
        if (tags.ValueKind != JsonValueKind.Array || tags.EnumerateArray().Any(static tag => tag.ValueKind != JsonValueKind.String))
            throw RefusedException.Malformed("'tags' must be an array of strings.");
        return [.. tags.EnumerateArray().Select(static tag => tag.GetString()!)];
    }

    // RFC 3339, or milliseconds since 1970, as JavaScript sends an end.
    private static DateTimeOffset? Time(JsonElement json, string field)
    {
        if (Get(json, field) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var milliseconds)
            && Math.Abs(milliseconds) < MaxMilliseconds)
            return DateTimeOffset.UnixEpoch.AddTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond));
        // .NET parses many more formats than LangSmith accepts.
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: >= 19 } text
            && text[4] == '-' && text[7] == '-' && text[10] is 'T' or 't' or ' ' && text[13] == ':'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var time))
            return time;
        throw RefusedException.Malformed($"'{field}' must be an RFC 3339 time or milliseconds since 1970, not {Describe(value)}.");
    }

    private static string Describe(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array
        ? Describe(value.ValueKind)
        : RunLabel.Shorten(value.GetRawText(), MaxText);

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => "a string",
    };
}
