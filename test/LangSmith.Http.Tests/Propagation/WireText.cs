using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>
/// Reads what we emit the way the strictest of the other SDKs does, on purpose without any code of the library: split at
/// every comma and at the first "=", nothing trimmed.
/// </summary>
internal static class WireText
{
    internal static string[] Members(string? baggage) => string.IsNullOrEmpty(baggage) ? [] : baggage.Split(',');

    internal static Dictionary<string, string> Decode(string? baggage) => Members(baggage).ToDictionary(
        static member => member[..member.IndexOf('=')],
        static member =>
        {
            var value = Uri.UnescapeDataString(member[(member.IndexOf('=') + 1)..]);
            return member.StartsWith("langsmith-metadata=", StringComparison.Ordinal) ? Canonical(value) : value;
        });

    /// <summary>JSON with sorted keys and one spelling of every number and string, so that equal means equal.</summary>
    internal static string Canonical(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Canonical(document.RootElement);
    }

    internal static string Canonical(JsonElement element)
    {
        var text = new StringBuilder();
        Write(text, element);
        return text.ToString();
    }

    internal static string Canonical(IReadOnlyDictionary<string, JsonElement> metadata)
    {
        var text = new StringBuilder();
        WriteObject(text, metadata);
        return text.ToString();
    }

    /// <summary>Text with every lone surrogate replaced, as UTF-8 has no other way to write it.</summary>
    internal static string WellFormed(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    private static void Write(StringBuilder text, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, element.EnumerateObject().Select(static property => KeyValuePair.Create(property.Name, property.Value)));
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var item in element.EnumerateArray())
                {
                    Write(text, item);
                    text.Append(',');
                }

                text.Append(']');
                break;
            case JsonValueKind.Number:
                text.Append(element.GetDouble().ToString("R", CultureInfo.InvariantCulture));
                break;
            case JsonValueKind.String:
                text.Append('"').Append(element.GetString()).Append('"');
                break;
            default:
                text.Append(element.ValueKind);
                break;
        }
    }

    private static void WriteObject(StringBuilder text, IEnumerable<KeyValuePair<string, JsonElement>> properties)
    {
        text.Append('{');
        foreach (var (key, value) in properties.OrderBy(static property => property.Key, StringComparer.Ordinal))
        {
            text.Append('"').Append(key).Append("\":");
            Write(text, value);
            text.Append(',');
        }

        text.Append('}');
    }
}
