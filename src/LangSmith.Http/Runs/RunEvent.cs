using System.Text.Json;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

/// <summary>Something that happened during a run.</summary>
public sealed class RunEvent
{
    /// <summary>What happened; <c>new_token</c> marks a model's first token.</summary>
    public required string Name { get; init; }

    /// <summary>When it happened, in UTC.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>More about it; null if there is nothing more.</summary>
    public JsonElement? Payload
    {
        get => Json?.Element;
        init => Json = JsonPayload.From(value);
    }

    internal JsonPayload? Json { get; init; }

    internal RunEvent WithoutPayload() => new() { Name = Name, Time = Time };

    /// <summary>Writes the event as LangSmith's API has it.</summary>
    internal void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", Name);
        writer.WriteTime("time", Time);
        if (Json is { } payload)
        {
            writer.WritePropertyName("kwargs");
            writer.WriteRaw(payload.Utf8);
        }

        writer.WriteEndObject();
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
