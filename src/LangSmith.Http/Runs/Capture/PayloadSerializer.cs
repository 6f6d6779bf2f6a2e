using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>A value as JSON.</summary>
/// <param name="Json">In UTF-8.</param>
/// <param name="Error">Why a part could not be written; null if all could.</param>
/// <param name="IsCut">True if a part did not fit.</param>
internal readonly record struct Captured(byte[] Json, Exception? Error, bool IsCut);

/// <summary>Serialises the objects users hand over, at once: later changes of the object change nothing.</summary>
internal static partial class PayloadSerializer
{
    internal const int DefaultMaxBytes = 4 * 1024 * 1024;

    // Marks the default options and their copies.
    private static readonly ShortTextConverter OwnText = new();

    private static readonly Primitives Json = new(new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = RawJson.Encoder });

    /// <summary>The default of <see cref="LangSmithOptions.JsonSerializerOptions"/>.</summary>
    internal static JsonSerializerOptions DefaultOptions { get; } = CreateDefaultOptions();

    /// <summary>Serialises a value. What cannot be written or does not fit is replaced at its place by a text.</summary>
    /// <param name="value">The value.</param>
    /// <param name="options">The serializer's options.</param>
    /// <param name="maxBytes">What the JSON may have, but for a few bytes that say what was cut.</param>
    /// <param name="name">Makes a value that is no object the property of one; empty for none.</param>
    internal static Captured Serialize(object? value, JsonSerializerOptions options, int maxBytes, ReadOnlySpan<byte> name = default) =>
        PayloadWriter.Write(value, options, maxBytes, name);

    /// <summary>True for the default options and their copies: other options say themselves what becomes of a type.</summary>
    internal static bool IsOwn(JsonSerializerOptions options) => options.Converters.Contains(OwnText);

    internal static byte[] Serialize(string text) => JsonSerializer.SerializeToUtf8Bytes(text, Json.String);

    internal static byte[] Serialize(IEnumerable<string> values) => JsonSerializer.SerializeToUtf8Bytes(values, Json.IEnumerableString);

    /// <summary>Puts a value into an object with one property. The name needs no escapes.</summary>
    internal static byte[] Wrap(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) =>
        [.. "{\""u8, .. name, .. "\":"u8, .. value, .. "}"u8];

    /// <summary>Serialises an object of values that are JSON already.</summary>
    internal static byte[] Wrap(IReadOnlyDictionary<string, JsonElement> values) => RawJson.Write(values, static (writer, values) =>
    {
        writer.WriteStartObject();
        writer.WriteProperties(values);
        writer.WriteEndObject();
    });

    /// <summary>Serialises values that are known to be JSON, such as texts and numbers.</summary>
    internal static Dictionary<string, JsonElement> SerializeAll(IEnumerable<KeyValuePair<string, object?>> values) => values.ToDictionary(
        static item => item.Key,
        static item => RawJson.Parse(Serialize(item.Value, DefaultOptions, DefaultMaxBytes).Json));

    /// <summary>
    /// The options to use: able to serialise primitives, what the application has contracts for and, where it may use reflection,
    /// any type.
    /// </summary>
    /// <param name="options">The default options, or the user's.</param>
    /// <param name="application">The contracts the application gave to ASP.NET Core; null if there are none.</param>
    internal static JsonSerializerOptions WithResolver(JsonSerializerOptions options, IJsonTypeInfoResolver? application = null)
    {
        // With reflection, every type has a contract.
        if (JsonSerializer.IsReflectionEnabledByDefault)
            application = null;
        if (ReferenceEquals(options, DefaultOptions) && application is null)
            return options;
        var usable = new JsonSerializerOptions(options)
        {
            TypeInfoResolver = JsonTypeInfoResolver.Combine(options.TypeInfoResolver, Json, DefaultOptions.TypeInfoResolver, application),
        };
        // Ids of objects would be those of a part.
        if (ReferenceEquals(options.ReferenceHandler, ReferenceHandler.Preserve))
            usable.ReferenceHandler = ReferenceHandler.IgnoreCycles;
        // The last: a converter of the user's wins.
        if (!IsOwn(options))
            usable.Converters.Add(new ShortTextConverter());
        return usable;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only where the application has reflection switched on.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Only where the application has reflection switched on.")]
    private static JsonSerializerOptions CreateDefaultOptions()
    {
        IJsonTypeInfoResolver resolver = JsonSerializer.IsReflectionEnabledByDefault ? new DefaultJsonTypeInfoResolver() : Json;
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            TypeInfoResolver = resolver,
            Encoder = RawJson.Encoder,
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals | JsonNumberHandling.AllowReadingFromString,
            IncludeFields = true,
            Converters = { OwnText },
        };
        if (JsonSerializer.IsReflectionEnabledByDefault)
            options.Converters.Add(new JsonStringEnumConverter());
        options.MakeReadOnly();
        return options;
    }

    /// <summary>What is serialisable without a resolver of the user's, trimmed and AOT-compiled applications included.</summary>
    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    [JsonSerializable(typeof(object))]
    [JsonSerializable(typeof(string))]
    [JsonSerializable(typeof(bool))]
    [JsonSerializable(typeof(char))]
    [JsonSerializable(typeof(byte))]
    [JsonSerializable(typeof(sbyte))]
    [JsonSerializable(typeof(short))]
    [JsonSerializable(typeof(ushort))]
    [JsonSerializable(typeof(int))]
    [JsonSerializable(typeof(uint))]
    [JsonSerializable(typeof(long))]
    [JsonSerializable(typeof(ulong))]
    [JsonSerializable(typeof(Int128))]
    [JsonSerializable(typeof(UInt128))]
    [JsonSerializable(typeof(Half))]
    [JsonSerializable(typeof(double))]
    [JsonSerializable(typeof(float))]
    [JsonSerializable(typeof(decimal))]
    [JsonSerializable(typeof(Guid))]
    [JsonSerializable(typeof(DateTime))]
    [JsonSerializable(typeof(DateTimeOffset))]
    [JsonSerializable(typeof(DateOnly))]
    [JsonSerializable(typeof(TimeOnly))]
    [JsonSerializable(typeof(TimeSpan))]
    [JsonSerializable(typeof(Version))]
    [JsonSerializable(typeof(JsonNode))]
    [JsonSerializable(typeof(JsonObject))]
    [JsonSerializable(typeof(JsonArray))]
    [JsonSerializable(typeof(JsonValue))]
    [JsonSerializable(typeof(JsonDocument))]
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
