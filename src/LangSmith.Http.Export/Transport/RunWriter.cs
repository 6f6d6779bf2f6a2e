using LangSmith.Http.Export.Model;
using System.Buffers;
using System.Globalization;
#if NET9_0_OR_GREATER
using System.Runtime.InteropServices;
#endif
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// Writes runs as LangSmith's ingest API takes them (wire names, RFC 3339 times in microseconds). For one body: not
/// thread-safe.
/// </summary>
internal sealed class RunWriter(ExportSettings settings) : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private const string UsageMetadata = "usage_metadata";
    private const string RevisionId = "revision_id";
    private const string SampleRate = "ls_tracing_sample_rate";

    private readonly Utf8JsonWriter _json = new(Stream.Null, Options);

    /// <summary>The fields that have a part of their own in a multipart body, in the order of the SDKs.</summary>
    internal static IReadOnlyList<string> Parts { get; } = ["inputs", "outputs", "events", "extra", "error"];

    public void Dispose() => _json.Dispose();

    /// <summary>Writes everything that has no part of its own.</summary>
    internal void WriteMain(RunOperation run, IBufferWriter<byte> output)
    {
        _json.Reset(output);
        _json.WriteStartObject();
        WriteMainFields(run, _json);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <summary>Writes a field; false when the run does not have it.</summary>
    internal bool WritePart(RunOperation run, string part, IBufferWriter<byte> output)
    {
        if (!Has(run, part))
            return false;
        _json.Reset(output);
        WriteValue(run, part, _json);
        _json.Flush();
        return true;
    }

    /// <summary>Writes <c>{"post":[…],"patch":[…]}</c>, for servers without multipart.</summary>
    internal void WriteBatch(IReadOnlyList<RunOperation> runs, Stream output)
    {
        // The writer's own way with a stream is to keep it all, or to make a compressor begin anew.
        var buffer = new ArrayBufferWriter<byte>(4096);
        _json.Reset(buffer);
        _json.WriteStartObject();
        WriteAll("post", runs.Where(static run => run.IsCreate));
        WriteAll("patch", runs.Where(static run => !run.IsCreate));
        _json.WriteEndObject();
        Flush();

        void WriteAll(string name, IEnumerable<RunOperation> some)
        {
            _json.WriteStartArray(name);
            foreach (var run in some)
            {
                _json.WriteStartObject();
                WriteMainFields(run, _json);
                foreach (var part in Parts)
                {
                    if (!Has(run, part))
                        continue;
                    _json.WritePropertyName(part);
                    WriteValue(run, part, _json);
                }

                _json.WriteEndObject();
                Flush();
            }

            _json.WriteEndArray();
        }

        void Flush()
        {
            _json.Flush();
            output.Write(buffer.WrittenSpan);
            buffer.ResetWrittenCount();
        }
    }

    private static bool Has(RunOperation run, string part) => part switch
    {
        "inputs" => run.IsCreate || run.HasNewInputs,
        "outputs" => run.Outputs is not null,
        "events" => run.Events.Count > 0,
        "error" => run.Error is not null,
        _ => !run.IsBare,
    };

    private static void WriteMainFields(RunOperation run, Utf8JsonWriter json)
    {
        json.WriteString("id", run.Id);
        json.WriteString("trace_id", run.TraceId);
        if (run.ParentRunId is { } parent)
            json.WriteString("parent_run_id", parent);
        json.WriteString("dotted_order", run.DottedOrder);
        json.WriteString("name", run.Name);
        json.WriteString("run_type", run.RunType);
        WriteTime(json, "start_time", run.StartTime);
        if (run.EndTime is { } end)
            WriteTime(json, "end_time", end);
        if (run.Address is not null)
            json.WriteString("address", run.Address);
        else
            json.WriteString("session_name", run.Project);
        if (run.IsBare)
            return;
        json.WriteStartArray("tags");
        foreach (var tag in run.Tags)
            json.WriteStringValue(tag);
        json.WriteEndArray();
    }

    private void WriteValue(RunOperation run, string part, Utf8JsonWriter json)
    {
        switch (part)
        {
            case "inputs":
                WriteObject(json, run.Inputs);
                break;
            case "outputs":
                WriteObject(json, run.Outputs);
                break;
            case "events":
                WriteEvents(json, run.Events);
                break;
            case "extra":
                WriteExtra(json, run);
                break;
            case "error":
                json.WriteStringValue(run.Error);
                break;
        }
    }

    private static void WriteObject(Utf8JsonWriter json, JsonElement? value)
    {
        if (value is { } given)
        {
            WriteAsItIs(json, given);
            return;
        }

        json.WriteStartObject();
        json.WriteEndObject();
    }

    private void WriteEvents(Utf8JsonWriter json, IReadOnlyList<RunEvent> events)
    {
        json.WriteStartArray();
        foreach (var item in events)
        {
            json.WriteStartObject();
            json.WriteString("name", item.Name);
            WriteTime(json, "time", item.Time);
            // The text of a token is an output; the other SDKs take it out in any case (wire.md §7.3).
            if (item.Payload is { } payload && !settings.HideOutputs && item.Name != "new_token")
            {
                json.WritePropertyName("kwargs");
                WriteAsItIs(json, payload);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void WriteExtra(Utf8JsonWriter json, RunOperation run)
    {
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        foreach (var (key, value) in run.Metadata)
        {
            json.WritePropertyName(key);
            WriteAsItIs(json, value);
        }

        if (!settings.HideMetadata)
            WriteOwnMetadata(json, run);
        json.WriteEndObject();
        json.WriteStartObject("runtime");
        foreach (var (key, value) in settings.Runtime)
            json.WriteString(key, value);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    // A name is there once: what the user said stays.
    private void WriteOwnMetadata(Utf8JsonWriter json, RunOperation run)
    {
        if (run.Link != default && !run.Metadata.ContainsKey("otel.trace_id") && !run.Metadata.ContainsKey("otel.span_id"))
        {
            json.WriteString("otel.trace_id", run.Link.TraceId.ToHexString());
            json.WriteString("otel.span_id", run.Link.SpanId.ToHexString());
        }

        // Where the other SDKs put them as well (wire.md §7.3, §4.4): token counts, and what a run stands for.
        if (run.Outputs is { ValueKind: JsonValueKind.Object } outputs && TryGetUsage(outputs, out var usage)
            && usage.ValueKind == JsonValueKind.Object && !run.Metadata.ContainsKey(UsageMetadata))
        {
            json.WritePropertyName(UsageMetadata);
            WriteAsItIs(json, usage);
        }

        if (settings.RevisionId is { } revision && !run.Metadata.ContainsKey(RevisionId))
            json.WriteString(RevisionId, revision);
        if (settings.SamplingRate < 1 && !run.Metadata.ContainsKey(SampleRate))
            json.WriteNumber(SampleRate, settings.SamplingRate);
    }

    private static bool TryGetUsage(JsonElement outputs, out JsonElement usage)
    {
        try
        {
            return outputs.TryGetProperty(UsageMetadata, out usage);
        }
        catch (InvalidOperationException)
        {
            // A name with an escaped lone surrogate cannot be compared.
            usage = default;
            return false;
        }
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[27];
        time.UtcDateTime.TryFormat(text, out _, "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        json.WriteString(name, text);
    }

    // Writing an element as a value unescapes it, and throws on the lone surrogates JavaScript lets through.
    private static void WriteAsItIs(Utf8JsonWriter json, JsonElement value) =>
#if NET9_0_OR_GREATER
        json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
#else
        json.WriteRawValue(value.GetRawText(), skipInputValidation: true);
#endif
}
