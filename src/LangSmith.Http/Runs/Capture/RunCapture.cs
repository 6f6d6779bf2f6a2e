using System.Text.Json;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// Turns what users hand over into JSON and shows it to the redactor: the one way of a payload, metadata or tag into a run.
/// </summary>
internal sealed class RunCapture(IRunRedactor? redactor, Func<(JsonSerializerOptions Json, int MaxBytes)> options, FaultLog faults)
{
    private const string Withheld = "(withheld: the redactor failed)";

    /// <summary>The most bytes of one payload.</summary>
    internal int MaxBytes => options().MaxBytes;

    internal JsonPayload? Inputs(object? inputs) => CaptureObject(RunPart.Inputs, inputs, "input"u8);

    internal JsonPayload? Outputs(object? outputs) => CaptureObject(RunPart.Outputs, outputs, "output"u8);

    internal JsonPayload? Event(object? payload) => payload is null ? null : Redact(RunPart.Event, new JsonPayload(Serialize(payload)));

    internal string Error(string error)
    {
        if (error.Length > MaxBytes)
        {
            faults.ReportCut("error", MaxBytes);
            error = $"{error.AsSpan(0, MaxBytes)}(cut: {error.Length} characters)";
        }

        if (redactor is null)
            return error;
        var payload = new JsonPayload(PayloadSerializer.Serialize(error));
        return Redact(RunPart.Error, payload, static redacted => redacted.GetString()) ?? Withheld;
    }

    /// <summary>Metadata as it is given to <see cref="TracingContext.With"/>: it is redacted when a run gets it.</summary>
    internal Dictionary<string, JsonElement> SerializeAll(IEnumerable<KeyValuePair<string, object?>> metadata)
    {
        var all = new Dictionary<string, JsonElement>();
        foreach (var (key, value) in Given(metadata, "metadata"))
        {
            if (key is null)
                Telemetry.Count(Fault.BadArgument);
            else
                all[key] = RawJson.Parse(Serialize(value));
        }

        return all;
    }

    /// <summary>One key of metadata, ready to be added; null if the redactor failed.</summary>
    internal Dictionary<string, JsonElement>? Metadata(string key, object? value) =>
        Metadata(new Dictionary<string, JsonElement>(1) { [key] = RawJson.Parse(Serialize(value)) });

    /// <summary>Metadata, ready to be added; null if the redactor failed.</summary>
    internal Dictionary<string, JsonElement>? Metadata(Dictionary<string, JsonElement> metadata)
    {
        if (redactor is null)
            return metadata;
        return Redact(RunPart.Metadata, new JsonPayload(PayloadSerializer.Wrap(metadata)), static redacted =>
        {
            var all = new Dictionary<string, JsonElement>();
            foreach (var property in redacted.EnumerateObject())
                all[property.Name] = property.Value;
            return all;
        });
    }

    internal string[] Tags(IEnumerable<string> tags)
    {
        var given = tags.Where(static tag => !string.IsNullOrEmpty(tag)).Distinct(StringComparer.Ordinal).ToArray();
        if (redactor is null || given.Length == 0)
            return given;
        return Redact(
            RunPart.Tags,
            new JsonPayload(PayloadSerializer.Serialize(given)),
            static redacted => redacted.EnumerateArray().Select(static tag => tag.GetString() ?? "").ToArray()) ?? [];
    }

    /// <summary>A sequence of the user's, read once: it may be made as it is read, and change while it is.</summary>
    internal T[] Given<T>(IEnumerable<T>? items, string name)
    {
        if (items is null or T[] { Length: 0 })
            return [];
        var given = new List<T>();
        faults.Guard(Fault.CallbackFailed, name, (given, items), static state => state.given.AddRange(state.items));
        return [.. given];
    }

    internal byte[] Serialize(object? value, ReadOnlySpan<byte> name = default)
    {
        var (json, maxBytes) = options();
        var captured = PayloadSerializer.Serialize(value, json, maxBytes, name);
        if (captured.Error is { } error)
            faults.Report(Fault.NotSerializable, value!.GetType().ToString(), error);
        if (captured.IsCut)
            faults.ReportCut(value!.GetType().ToString(), maxBytes);
        return captured.Json;
    }

    // A payload that is JSON already, such as a stream's elements, is taken as it is.
    private JsonPayload? CaptureObject(RunPart part, object? value, ReadOnlySpan<byte> name)
    {
        if (value is null)
            return null;
        var payload = value as JsonPayload ?? new JsonPayload(Serialize(value, name));
        if (!payload.IsObject)
            payload = new JsonPayload(PayloadSerializer.Wrap(name, payload.Utf8));
        return Redact(part, payload) ?? new JsonPayload(PayloadSerializer.Wrap(name, PayloadSerializer.Serialize(Withheld)));
    }

    private JsonPayload? Redact(RunPart part, JsonPayload payload) =>
        redactor is null ? payload : Redact(part, payload, static redacted => JsonPayload.From(redacted));

    // Null means withheld. The redactor may return broken JSON, or throw while it is read: it is read in here.
    private TPart? Redact<TPart>(RunPart part, JsonPayload payload, Func<JsonElement, TPart?> read)
    {
        TPart? redacted = default;
        faults.Guard(Fault.RedactorFailed, "IRunRedactor.Redact", payload, payload =>
        {
            var value = payload.Element;
            var result = redactor!.Redact(part, value);
            if (part != RunPart.Event && result.ValueKind != value.ValueKind)
                throw new InvalidOperationException($"The redactor made {part} from {value.ValueKind} into {result.ValueKind}.");
            redacted = read(result.Clone());
        });
        return redacted;
    }
}
