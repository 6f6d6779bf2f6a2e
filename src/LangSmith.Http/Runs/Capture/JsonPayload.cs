using System.Text.Json;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>JSON in UTF-8 that is parsed when it is first read: most payloads are only sent. Immutable.</summary>
internal sealed class JsonPayload(byte[] utf8)
{
    // A boxed JsonElement: assigned at once, and whichever of two concurrent readers wins is right.
    private object? _element;

    internal ReadOnlySpan<byte> Utf8 => utf8;

    internal int Length => utf8.Length;

    internal JsonElement Element => (JsonElement)(_element ??= RawJson.Parse(utf8));

    internal bool IsObject => utf8.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    internal static JsonPayload? From(JsonElement? value) =>
        value is { ValueKind: not JsonValueKind.Undefined } element ? new JsonPayload(RawJson.GetUtf8(element)) : null;
}
