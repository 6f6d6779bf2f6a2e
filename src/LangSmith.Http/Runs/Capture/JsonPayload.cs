using System.Text.Json;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// A payload as JSON in UTF-8. It is parsed when it is read, and the parsed form is not kept: most payloads are only sent, and
/// what a queue counts is what it holds. Immutable.
/// </summary>
internal sealed class JsonPayload(byte[] utf8)
{
    internal ReadOnlySpan<byte> Utf8 => utf8;

    internal int Length => utf8.Length;

    internal JsonElement Element => RawJson.Parse(utf8);

    internal bool IsObject => IsObjectText(utf8);

    internal static bool IsObjectText(ReadOnlySpan<byte> utf8) => utf8.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    internal static JsonPayload? From(JsonElement? value) =>
        value is { ValueKind: not JsonValueKind.Undefined } element ? new JsonPayload(RawJson.GetUtf8(element)) : null;
}
