using System.Text.Json;
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

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
