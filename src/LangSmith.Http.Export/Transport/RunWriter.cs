using System.Buffers;
using System.Text.Json;
using LangSmith.Http.Export.Model;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// Writes runs with the names and formats of LangSmith's ingest API. Payloads are copied byte for byte. Writes one body; not
/// thread-safe.
/// </summary>
internal sealed class RunWriter(ExportSettings settings) : IDisposable
{
    private const string RevisionId = "revision_id";
    private const string SampleRate = "ls_tracing_sample_rate";

    private readonly Utf8JsonWriter _json = new(Stream.Null, RawJson.WriterOptions);

    /// <summary>The fields that are parts of their own in a multipart body, in the order of the SDKs.</summary>
    internal static IReadOnlyList<string> Parts { get; } = ["inputs", "outputs", "events", "extra", "error"];

    public void Dispose() => _json.Dispose();

    /// <summary>Writes the fields that are no parts of their own.</summary>
    internal void WriteMain(RunOperation operation, IBufferWriter<byte> output)
    {
        _json.Reset(output);
        _json.WriteStartObject();
        WriteMainFields(operation);
        _json.WriteEndObject();
        _json.Flush();
    }

    /// <summary>Writes a field; returns false if the operation does not have it.</summary>
    internal bool WritePart(RunOperation operation, string part, IBufferWriter<byte> output)
    {
        if (!Has(operation, part))
            return false;
        _json.Reset(output);
        WriteValue(operation, part);
        _json.Flush();
        return true;
    }

    /// <summary>Writes <c>{"post":[…],"patch":[…]}</c>, for servers without multipart.</summary>
    internal void WriteBatch(IReadOnlyList<RunOperation> operations, Stream output)
    {
        // With a stream, the writer would keep everything until it is flushed, and its flush would flush a compressor.
        var buffer = new ArrayBufferWriter<byte>(4096);
        _json.Reset(buffer);
        _json.WriteStartObject();
        WriteAll("post", operations.Where(static operation => operation.IsCreate));
        WriteAll("patch", operations.Where(static operation => !operation.IsCreate));
        _json.WriteEndObject();
        Flush();

        void WriteAll(string name, IEnumerable<RunOperation> some)
        {
            _json.WriteStartArray(name);
            foreach (var operation in some)
            {
                _json.WriteStartObject();
                WriteMainFields(operation);
                foreach (var part in Parts)
                {
                    if (!Has(operation, part))
                        continue;
                    _json.WritePropertyName(part);
                    WriteValue(operation, part);
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

    private static bool Has(RunOperation operation, string part) => part switch
    {
        "inputs" => operation.IsCreate || operation.Run.HasNewInputs,
        "outputs" => operation.Run.OutputsJson is not null,
        "events" => operation.Run.Events.Count > 0,
        "error" => operation.Run.Error is not null,
        _ => !operation.IsBare,
    };

    private void WriteMainFields(RunOperation operation)
    {
        var run = operation.Run;
        _json.WriteString("id", run.Id);
        _json.WriteString("trace_id", run.TraceId);
        if (run.ParentRunId is { } parent)
            _json.WriteString("parent_run_id", parent);
        _json.WriteString("dotted_order", run.DottedOrder);
        _json.WriteString("name", run.Name);
        _json.WriteString("run_type", run.RunType);
        _json.WriteTime("start_time", run.StartTime);
        if (run.EndTime is { } end)
            _json.WriteTime("end_time", end);
        if (run.Address is not null)
            _json.WriteString("address", run.Address);
        else
            _json.WriteString("session_name", run.Project);
        if (operation.IsBare)
            return;
        _json.WriteStartArray("tags");
        foreach (var tag in run.Tags)
            _json.WriteStringValue(tag);
        _json.WriteEndArray();
    }

    private void WriteValue(RunOperation operation, string part)
    {
        switch (part)
        {
            case "inputs":
                WriteObject(operation.Run.InputsJson);
                break;
            case "outputs":
                WriteObject(operation.Run.OutputsJson);
                break;
            case "events":
                WriteEvents(operation.Run.Events);
                break;
            case "extra":
                WriteExtra(operation);
                break;
            case "error":
                _json.WriteStringValue(operation.Run.Error);
                break;
        }
    }

    private void WriteObject(JsonPayload? payload) => _json.WriteRaw(payload is null ? "{}"u8 : payload.Utf8);

    private void WriteEvents(IReadOnlyList<RunEvent> events)
    {
        _json.WriteStartArray();
        foreach (var item in events)
            item.WriteTo(_json);
        _json.WriteEndArray();
    }

    private void WriteExtra(RunOperation operation)
    {
        _json.WriteStartObject();
        _json.WriteStartObject("metadata");
        _json.WriteProperties(operation.Run.Metadata);
        if (!settings.HideMetadata)
            WriteOwnMetadata(operation);
        _json.WriteEndObject();
        _json.WriteStartObject("runtime");
        foreach (var (key, value) in settings.Runtime)
            _json.WriteString(key, value);
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    // Adds metadata under the keys of the other SDKs. A key that the user set stays as it is.
    private void WriteOwnMetadata(RunOperation operation)
    {
        var metadata = operation.Run.Metadata;
        if (operation.Link != default && !metadata.ContainsKey("otel.trace_id") && !metadata.ContainsKey("otel.span_id"))
        {
            _json.WriteString("otel.trace_id", operation.Link.TraceId.ToHexString());
            _json.WriteString("otel.span_id", operation.Link.SpanId.ToHexString());
        }

        if (!metadata.ContainsKey(Usage.Name) && operation.TryGetUsage(out var usage))
        {
            _json.WritePropertyName(Usage.Name);
            _json.WriteRaw(usage);
        }

        if (settings.RevisionId is { } revision && !metadata.ContainsKey(RevisionId))
            _json.WriteString(RevisionId, revision);
        if (settings.SamplingRate < 1 && !metadata.ContainsKey(SampleRate))
            _json.WriteNumber(SampleRate, settings.SamplingRate);
    }
}
