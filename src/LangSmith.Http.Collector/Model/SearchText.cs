using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Collector.Model;

/// <summary>A text to search runs for, in any case and in any form that JSON may escape it to.</summary>
internal sealed class SearchText
{
    private readonly string _text;
    private readonly string[] _escaped;
    private readonly byte[][] _ascii;

    internal SearchText(string text)
    {
        _text = text;
        // All senders escape quotes; some escape all characters that are not ASCII.
        string[] forms = [text, Encode(RawJson.Encoder), Encode(JavaScriptEncoder.Default)];
        var distinct = forms.Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        _ascii = [.. distinct.Where(static form => Ascii.IsValid(form)).Select(Encoding.ASCII.GetBytes)];
        _escaped = [.. distinct.Where(static form => !Ascii.IsValid(form))];

        string Encode(JavaScriptEncoder encoder) => JsonEncodedText.Encode(text, encoder).Value;
    }

    internal bool IsIn(string? text) => text?.Contains(_text, StringComparison.OrdinalIgnoreCase) == true;

    internal bool StartsId(Guid id)
    {
        Span<char> text = stackalloc char[36];
        id.TryFormat(text, out _);
        return text.StartsWith(_text, StringComparison.OrdinalIgnoreCase);
    }

    internal bool IsIn(JsonPayload? json) => json is not null
        && (_ascii.Any(ascii => IsIn(json.Utf8, ascii)) || (_escaped.Length > 0 && IsIn(json.Utf8, _escaped)));

    // Searches a hundred thousand payloads without making strings of them.
    private static bool IsIn(ReadOnlySpan<byte> utf8, ReadOnlySpan<byte> ascii)
    {
        var (lower, upper) = ((byte)char.ToLowerInvariant((char)ascii[0]), (byte)char.ToUpperInvariant((char)ascii[0]));
        while (utf8.Length >= ascii.Length)
        {
            var at = utf8[..^(ascii.Length - 1)].IndexOfAny(lower, upper);
            if (at < 0)
                return false;
            if (Ascii.EqualsIgnoreCase(utf8.Slice(at, ascii.Length), ascii))
                return true;
            utf8 = utf8[(at + 1)..];
        }

        return false;
    }

    private static bool IsIn(ReadOnlySpan<byte> utf8, string[] texts)
    {
        var buffer = ArrayPool<char>.Shared.Rent(utf8.Length);
        var characters = buffer.AsSpan(0, Encoding.UTF8.GetChars(utf8, buffer));
        var isIn = false;
        foreach (var text in texts)
            isIn = isIn || characters.Contains(text, StringComparison.OrdinalIgnoreCase);
        ArrayPool<char>.Shared.Return(buffer);
        return isIn;
    }
}
