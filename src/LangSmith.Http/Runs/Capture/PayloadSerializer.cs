using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>Serialises the objects users hand over, at once: later changes of the object change nothing.</summary>
internal static partial class PayloadSerializer
{
    private static readonly Primitives Json = new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = RawJson.Encoder });

    /// <summary>The default of <see cref="LangSmithOptions.JsonSerializerOptions"/>.</summary>
    internal static JsonSerializerOptions DefaultOptions { get; } = CreateDefaultOptions();

    /// <summary>
    /// Serialises a value to UTF-8. If it cannot be serialised, its type's name is returned, and <paramref name="error"/> says
    /// why.
    /// </summary>
    internal static byte[] Serialize(object? value, JsonSerializerOptions options, out Exception? error)
    {
        error = null;
        try
        {
            return value switch
            {
                null or JsonElement { ValueKind: JsonValueKind.Undefined } => "null"u8.ToArray(),
                string text => Serialize(text),
                JsonElement element => Normalize(element),
                JsonPayload payload => payload.Utf8.ToArray(),
                _ when IsLeftAlone(value.GetType()) => throw new NotSupportedException("The value is work still to be done, or an HTTP message; tracing leaves it alone."),
                // A converter may write nothing, or text that is no JSON.
                _ => RawJson.Validate(JsonSerializer.SerializeToUtf8Bytes(value, options.GetTypeInfo(value.GetType()))),
            };
        }
        catch (Exception exception)
        {
            // The object's getters, its converters and its missing metadata are the user's; the traced call is not to fail for them.
            error = exception;
            return Serialize(value!.GetType().FullName ?? value.GetType().Name);
        }
    }

    // The text as it came; without the comments and trailing commas that its document may have allowed.
    private static byte[] Normalize(JsonElement element)
    {
        var utf8 = RawJson.GetUtf8(element);
        return RawJson.IsValid(utf8) ? utf8 : RawJson.Write(element, static (writer, element) => element.WriteTo(writer));
    }

    internal static byte[] Serialize(string text) => JsonSerializer.SerializeToUtf8Bytes(text, Json.String);

    internal static byte[] Serialize(IEnumerable<string> values) => JsonSerializer.SerializeToUtf8Bytes(values, Json.IEnumerableString);

    /// <summary>Puts a value into an object with one property. The name needs no escapes.</summary>
    internal static byte[] Wrap(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => [.. "{\""u8, .. name, .. "\":"u8, .. value, .. "}"u8];

    /// <summary>Serialises an object of values that are JSON already.</summary>
    internal static byte[] Wrap(IReadOnlyDictionary<string, JsonElement> values) => RawJson.Write(values, static (writer, values) =>
    {
        writer.WriteStartObject();
        writer.WriteProperties(values);
        writer.WriteEndObject();
    });

    // Reading a task's result blocks, reading a query runs it: what the caller returns is for the caller to consume.
    private static bool IsLeftAlone(Type type)
    {
        if (typeof(Task).IsAssignableFrom(type) || typeof(Stream).IsAssignableFrom(type) || typeof(Delegate).IsAssignableFrom(type)
            || typeof(IQueryable).IsAssignableFrom(type) || type == typeof(ValueTask) || type == typeof(CancellationToken)
            || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueTask<>)))
            return true;
        // Messages and contexts of HTTP: what they hold is headers with credentials, and content that can be read once.
        var space = type.Namespace ?? "";
        if (space.StartsWith("System.Net.Http", StringComparison.Ordinal) || space.StartsWith("Microsoft.AspNetCore.Http", StringComparison.Ordinal))
            return true;
        return typeof(IEnumerable).IsAssignableFrom(type) && !typeof(ICollection).IsAssignableFrom(type)
            && (space.StartsWith("System.Linq", StringComparison.Ordinal) || type.Name.StartsWith('<'));
    }

    /// <summary>Serialises values with the default options; the last of a key wins.</summary>
    internal static Dictionary<string, JsonElement> SerializeAll(IEnumerable<KeyValuePair<string, object?>> values)
    {
        var all = new Dictionary<string, JsonElement>();
        foreach (var (key, value) in values)
        {
            if (key is null)
            {
                Telemetry.Count(Fault.BadArgument);
                continue;
            }

            all[key] = RawJson.Parse(Serialize(value, DefaultOptions, out var error));
            if (error is not null)
                Telemetry.Count(Fault.NotSerializable);
        }

        return all;
    }

    /// <summary>A user's options, able to serialise primitives and, where the application may use reflection, any type.</summary>
    internal static JsonSerializerOptions WithResolver(JsonSerializerOptions options) => ReferenceEquals(options, DefaultOptions)
        ? options
        : new JsonSerializerOptions(options)
        {
            TypeInfoResolver = JsonTypeInfoResolver.Combine(options.TypeInfoResolver, Json, DefaultOptions.TypeInfoResolver),
            // The last: a converter of the user's wins.
            Converters = { new LeftAloneConverter() },
        };

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Reflection is used only where the application has it switched on; AOT applications give a resolver.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Reflection is used only where the application has it switched on; AOT applications give a resolver.")]
    private static JsonSerializerOptions CreateDefaultOptions()
    {
        IJsonTypeInfoResolver resolver = JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : Json;
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            TypeInfoResolver = resolver,
            Encoder = RawJson.Encoder,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals | JsonNumberHandling.AllowReadingFromString,
            ReferenceHandler = ReferenceHandler.IgnoreCycles,
            Converters = { new LeftAloneConverter() },
        };
        options.MakeReadOnly();
        return options;
    }

    /// <summary>What is left alone when it is handed over is left alone inside a value too: its type's name stands for it.</summary>
    private sealed class LeftAloneConverter : JsonConverter<object>
    {
        public override bool CanConvert(Type typeToConvert) => IsLeftAlone(typeToConvert);

        public override object Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.GetType().FullName);
    }

    /// <summary>What is serialisable without a resolver of the user's, trimmed and AOT-compiled applications included.</summary>
    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(object))]
    [JsonSerializable(typeof(string))]
    [JsonSerializable(typeof(bool))]
    [JsonSerializable(typeof(int))]
    [JsonSerializable(typeof(long))]
    [JsonSerializable(typeof(double))]
    [JsonSerializable(typeof(float))]
    [JsonSerializable(typeof(decimal))]
    [JsonSerializable(typeof(Guid))]
    [JsonSerializable(typeof(DateTime))]
    [JsonSerializable(typeof(DateTimeOffset))]
    [JsonSerializable(typeof(TimeSpan))]
    [JsonSerializable(typeof(Uri))]
    [JsonSerializable(typeof(byte[]))]
    [JsonSerializable(typeof(string[]))]
    [JsonSerializable(typeof(object[]))]
    [JsonSerializable(typeof(JsonElement))]
    [JsonSerializable(typeof(List<JsonElement>))]
    [JsonSerializable(typeof(IEnumerable<string>))]
    [JsonSerializable(typeof(Dictionary<string, string>))]
    [JsonSerializable(typeof(Dictionary<string, object>))]
    [JsonSerializable(typeof(Dictionary<string, JsonElement>))]
    [JsonSerializable(typeof(IReadOnlyDictionary<string, JsonElement>))]
    private sealed partial class Primitives : JsonSerializerContext;
}
