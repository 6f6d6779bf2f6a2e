using System.Text;
using System.Text.Json;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Collector.Validation;

namespace LangSmith.Http.Collector.Hosting;

/// <summary>Writes this process's runs into a collector, as an exporter would post them.</summary>
internal sealed class CollectorRecorder(TraceStore store, string service) : IRunRecorder
{
    public bool ShouldRecord(Guid traceId) => true;

    public void OnStart(RunSnapshot run) => Record(Write(run, isCreate: true));

    public void OnEnd(RunSnapshot run) => Record(Write(run, isCreate: false));

    // What would be refused when posted is refused here: our runs are right, but a parent from elsewhere may not be.
    private void Record(RunWrite write)
    {
        try
        {
            RunValidator.Check(write, isAlone: false);
            store.Apply([write]);
        }
        catch (IngestException refusal)
        {
            store.Refuse(refusal);
        }
    }

    private RunWrite Write(RunSnapshot run, bool isCreate) => new(run.Id, isCreate)
    {
        TraceId = run.TraceId,
        ParentRunId = run.ParentRunId,
        DottedOrder = run.DottedOrder,
        Name = run.Name,
        RunType = run.RunType,
        Project = run.Project,
        Address = run.Address,
        StartTime = run.StartTime,
        EndTime = run.EndTime,
        Error = run.Error,
        Tags = run.Tags,
        Inputs = Bytes(run.Inputs),
        Outputs = Bytes(run.Outputs),
        Events = run.Events.Count == 0 ? null : Events(run.Events),
        Extra = Extra(run.Metadata),
        Service = service,
    };

    private static byte[]? Bytes(JsonElement? json) => json is { } value ? Encoding.UTF8.GetBytes(value.GetRawText()) : null;

    private static byte[] Events(IReadOnlyList<RunEvent> events) => Json(writer =>
    {
        writer.WriteStartArray();
        foreach (var item in events)
        {
            writer.WriteStartObject();
            writer.WriteString("name", item.Name);
            writer.WriteString("time", item.Time);
            if (item.Payload is { } payload)
            {
                writer.WritePropertyName("kwargs");
                writer.WriteRawValue(payload.GetRawText(), skipInputValidation: true);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private byte[] Extra(IReadOnlyDictionary<string, JsonElement> metadata) => Json(writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartObject("metadata");
        foreach (var (key, value) in metadata)
        {
            writer.WritePropertyName(key);
            writer.WriteRawValue(value.GetRawText(), skipInputValidation: true);
        }

        writer.WriteEndObject();
        writer.WriteStartObject("runtime");
        writer.WriteString("service", service);
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            write(writer);
        return stream.ToArray();
    }
}
