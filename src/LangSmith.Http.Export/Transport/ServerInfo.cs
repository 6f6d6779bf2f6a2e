using System.Text.Json;

namespace LangSmith.Http.Export.Transport;

/// <summary>The answer of <c>GET /info</c>, with defaults for missing values.</summary>
internal sealed record ServerInfo(bool UsesMultipart, bool TakesGzip, int MaxOperations, long MaxBytes)
{
    /// <summary>The defaults of the other SDKs.</summary>
    internal static ServerInfo Default { get; } = new(UsesMultipart: true, TakesGzip: false, MaxOperations: 100, MaxBytes: 20_971_520);

    internal static ServerInfo Read(JsonElement json)
    {
        var batch = GetObject(json, "batch_ingest_config");
        var flags = GetObject(json, "instance_flags");
        return new ServerInfo(
            GetBool(batch, "use_multipart_endpoint") ?? Default.UsesMultipart,
            GetBool(flags, "gzip_body_enabled") ?? Default.TakesGzip,
            (int)Math.Clamp(GetNumber(batch, "size_limit") ?? Default.MaxOperations, 1, 100_000),
            Math.Clamp(GetNumber(batch, "size_limit_bytes") ?? Default.MaxBytes, 65_536, 1L << 30));
    }

    private static JsonElement? GetObject(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value
            : null;

    private static bool? GetBool(JsonElement? json, string name) =>
        json is { } given && given.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : null;

    private static long? GetNumber(JsonElement? json, string name) =>
        json is { } given && given.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : null;
}
