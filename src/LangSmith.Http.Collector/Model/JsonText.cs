using System.Text.Json;
using System.Text.Unicode;

namespace LangSmith.Http.Collector.Model;

/// <summary>Reads JSON from other processes so that no later read of it throws: it is UTF-8, and its strings are valid text.</summary>
internal static class JsonText
{
    // Agents nest deeper than the default of 64 levels.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 512 };

    /// <summary>Parses JSON, and repairs its strings in place.</summary>
    /// <exception cref="RefusedException">The bytes are not JSON.</exception>
    internal static JsonDocument Parse(string what, Memory<byte> utf8)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        if (!Utf8.IsValid(utf8.Span))
            throw RefusedException.Malformed($"{what} is no JSON: it is not UTF-8.");
        ReplaceHalfSurrogates(utf8.Span);
        try
        {
            return JsonDocument.Parse(utf8, Options);
        }
        catch (JsonException exception)
        {
            throw RefusedException.Malformed($"{what} is no JSON: {exception.Message}");
        }
    }

    // JavaScript and Python cut texts within an emoji and write the half as an escape; reading it as a string would throw.
    private static void ReplaceHalfSurrogates(Span<byte> utf8)
    {
        for (var rest = utf8; rest.IndexOf((byte)'\\') is >= 0 and var at;)
        {
            rest = rest[at..];
            var length = 2;
            if (IsSurrogate(rest, isHigh: true) && IsSurrogate(rest[6..], isHigh: false))
            {
                length = 12;
            }
            else if (IsSurrogate(rest, isHigh: true) || IsSurrogate(rest, isHigh: false))
            {
                "\\ufffd"u8.CopyTo(rest);
                length = 6;
            }

            rest = rest[Math.Min(length, rest.Length)..];
        }
    }

    private static bool IsSurrogate(ReadOnlySpan<byte> escape, bool isHigh) =>
        escape.Length >= 6 && escape[0] == '\\' && escape[1] == 'u' && escape[2] is (byte)'d' or (byte)'D'
        && char.IsAsciiHexDigit((char)escape[3]) && (char.ToUpperInvariant((char)escape[3]) is '8' or '9' or 'A' or 'B') == isHigh
        && escape[3] >= '8' && char.IsAsciiHexDigit((char)escape[4]) && char.IsAsciiHexDigit((char)escape[5]);
}
