using System.Text.Json;

namespace LangSmith.Http;

/// <summary>Something that happened during a run.</summary>
/// <param name="Name">What happened; <c>new_token</c> marks a model's first token.</param>
/// <param name="Time">When, in UTC.</param>
/// <param name="Payload">More about it; null when there is none.</param>
public sealed record RunEvent(string Name, DateTimeOffset Time, JsonElement? Payload);
