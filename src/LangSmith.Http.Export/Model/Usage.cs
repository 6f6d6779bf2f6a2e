using System.Text.Json;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Export.Model;

/// <summary>The token counts of a model call, which are an object of its outputs. They are no content, and LangSmith computes the cost from them.</summary>
internal static class Usage
{
    internal const string Name = "usage_metadata";

    /// <summary>Finds them. The last one counts, as with <c>JsonElement.TryGetProperty</c>.</summary>
    internal static bool TryFind(ReadOnlySpan<byte> outputs, out ReadOnlySpan<byte> usage)
    {
        usage = default;
        var reader = new Utf8JsonReader(outputs, RawJson.ReaderOptions);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = IsUsage(ref reader);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var isObject = reader.TokenType == JsonTokenType.StartObject;
            reader.Skip();
            if (isUsage)
                usage = isObject ? outputs[start..(int)reader.BytesConsumed] : default;
        }

        return !usage.IsEmpty;
    }

    private static bool IsUsage(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.ValueTextEquals(Name);
        }
        catch (InvalidOperationException)
        {
            // A name with an escaped lone surrogate cannot be unescaped.
            return false;
        }
    }
}
