using System.Text.Json;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Collector.Traces;
using LangSmith.Http.Collector.Validation;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Collector.Hosting;

/// <summary>Writes this process's runs into a collector, as an exporter would post them.</summary>
internal sealed class CollectorRecorder(TraceStore store, string service) : IRunRecorder
{
    public bool ShouldRecord(Guid traceId) => true;

    public void OnStart(RunSnapshot run) => Record(run, isCreate: true);

    public void OnEnd(RunSnapshot run) => Record(run, isCreate: false);

    // Validates like a post: this process's runs are right, but a parent from another process may not be.
    private void Record(RunSnapshot run, bool isCreate)
    {
        var write = new RunWrite(run, isCreate, RunFields.Required)
        {
            Events = run.Events.Count == 0 ? null : new(RawJson.Write(run.Events, WriteEvents)),
            Extra = new(RawJson.Write((run.Metadata, service), WriteExtra)),
            Service = service,
        };
        try
        {
            RunValidator.Check(write, isAlone: false);
            store.Apply([write]);
        }
        catch (RefusedException exception)
        {
            store.Refuse(exception.Refusal);
        }
    }

    private static void WriteEvents(Utf8JsonWriter writer, IReadOnlyList<RunEvent> events)
    {
        writer.WriteStartArray();
        foreach (var item in events)
            item.WriteTo(writer);
        writer.WriteEndArray();
    }

    private static void WriteExtra(Utf8JsonWriter writer, (IReadOnlyDictionary<string, JsonElement> Metadata, string Service) extra)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("metadata");
        writer.WriteProperties(extra.Metadata);
        writer.WriteEndObject();
        writer.WriteStartObject("runtime");
        writer.WriteString("service", extra.Service);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
