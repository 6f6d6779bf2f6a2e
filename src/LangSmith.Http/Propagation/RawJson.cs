using System.Buffers;
using System.Globalization;
#if NET9_0_OR_GREATER
using System.Runtime.InteropServices;
#else
using System.Text;
#endif
using System.Text.Encodings.Web;
using System.Text.Json;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Propagation;

/// <summary>
/// JSON as it was handed over or received, in UTF-8. It is copied byte for byte: writing an element as a value would
/// unescape it, and throw on the lone surrogates that JavaScript lets through.
/// </summary>
internal static class RawJson
{
    // The times of runs, in whole microseconds.
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";
    private const int TimeLength = 27;

    /// <summary>Payloads are as deep as the application made them.</summary>
    internal static JsonReaderOptions ReaderOptions { get; } = new() { MaxDepth = int.MaxValue };

    /// <summary>Text stays readable, and is not escaped before it is percent-encoded.</summary>
    internal static JavaScriptEncoder Encoder => JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    internal static JsonWriterOptions WriterOptions { get; } = new() { Encoder = Encoder, SkipValidation = true };

    /// <summary>Parses one value of any depth; the element does not depend on a document.</summary>
    internal static JsonElement Parse(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8, ReaderOptions);
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>Returns a JSON text if it is one value.</summary>
    /// <exception cref="JsonException">It is not.</exception>
    internal static byte[] Validate(byte[] utf8)
    {
        var reader = new Utf8JsonReader(utf8, ReaderOptions);
        reader.Read();
        reader.Skip();
        // Throws at anything after the value.
        reader.Read();
        return utf8;
    }

    internal static bool IsValid(byte[] utf8) => NeverThrow.Run(utf8, Validate, fallback: null, out _) is not null;

    /// <summary>An element's bytes.</summary>
    internal static byte[] GetUtf8(JsonElement value) =>
#if NET9_0_OR_GREATER
        JsonMarshal.GetRawUtf8Value(value).ToArray();
#else
        Encoding.UTF8.GetBytes(value.GetRawText());
#endif

    /// <summary>An element's bytes, where the runtime allows it without a copy.</summary>
    internal static ReadOnlySpan<byte> GetSpan(JsonElement value) =>
#if NET9_0_OR_GREATER
        JsonMarshal.GetRawUtf8Value(value);
#else
        GetUtf8(value);
#endif

    /// <summary>How many bytes an element is.</summary>
    internal static int GetLength(JsonElement value) =>
#if NET9_0_OR_GREATER
        JsonMarshal.GetRawUtf8Value(value).Length;
#else
        Encoding.UTF8.GetByteCount(value.GetRawText());
#endif

    /// <summary>An upper bound of the names and values in an element.</summary>
    internal static int CountValues(JsonElement value)
    {
#if NET9_0_OR_GREATER
        var text = JsonMarshal.GetRawUtf8Value(value);
        return text.Count((byte)',') + text.Count((byte)':') + 1;
#else
        var text = value.GetRawText().AsSpan();
        return text.Count(',') + text.Count(':') + 1;
#endif
    }

    /// <summary>Writes a JSON text.</summary>
    internal static byte[] Write<TState>(TState state, Action<Utf8JsonWriter, TState> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
            write(writer, state);
        return buffer.WrittenSpan.ToArray();
    }

    internal static void WriteRaw(this Utf8JsonWriter writer, ReadOnlySpan<byte> utf8) =>
        writer.WriteRawValue(utf8, skipInputValidation: true);

    internal static void WriteRaw(this Utf8JsonWriter writer, JsonElement value) =>
#if NET9_0_OR_GREATER
        writer.WriteRaw(JsonMarshal.GetRawUtf8Value(value));
#else
        writer.WriteRaw(GetUtf8(value));
#endif

    /// <summary>Writes the properties of an object.</summary>
    internal static void WriteProperties(this Utf8JsonWriter writer, IEnumerable<KeyValuePair<string, JsonElement>> properties)
    {
        foreach (var (name, value) in properties)
        {
            writer.WritePropertyName(name);
            writer.WriteRaw(value);
        }
    }

    /// <summary>Writes a time as RFC 3339 in UTC and microseconds.</summary>
    internal static void WriteTime(this Utf8JsonWriter writer, string name, DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[TimeLength];
        time.UtcDateTime.TryFormat(text, out _, TimeFormat, CultureInfo.InvariantCulture);
        writer.WriteString(name, text);
    }

    /// <inheritdoc cref="WriteTime"/>
    internal static string FormatTime(DateTime utc) => utc.ToString(TimeFormat, CultureInfo.InvariantCulture);
}
