using System.Text.Json;
using System.Text.Json.Serialization;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// Keeps long texts from the serializer, which rents six times their length to escape them: <see cref="PayloadWriter"/> writes them in
/// pieces.
/// </summary>
internal sealed class ShortTextConverter : JsonConverter<string>
{
    private const int MaxLength = 64 * 1024;

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetString()!;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Length <= MaxLength ? value : throw new BudgetException());

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value.Length <= MaxLength ? value : throw new BudgetException());
}
