using System.Text.Json;

namespace LangSmith.Http.Export.Transport;

/// <summary>What <c>GET /info</c> says; the defaults where it says nothing, or cannot be had.</summary>
internal sealed record ServerInfo(bool UsesMultipart, bool TakesGzip, int MaxOperations, long MaxBytes)
{
    /// <summary>What the SDKs assume of LangSmith.</summary>
    internal static ServerInfo Default { get; } = new(UsesMultipart: true, TakesGzip: false, MaxOperations: 100, MaxBytes: 20_971_520);

    internal static ServerInfo Read(JsonElement json)
    {
        var batch = Object(json, "batch_ingest_config");
        var flags = Object(json, "instance_flags");
        return new ServerInfo(
            Bool(batch, "use_multipart_endpoint") ?? Default.UsesMultipart,
            Bool(flags, "gzip_body_enabled") ?? Default.TakesGzip,
            (int)Math.Clamp(Number(batch, "size_limit") ?? Default.MaxOperations, 1, 100_000),
            Math.Clamp(Number(batch, "size_limit_bytes") ?? Default.MaxBytes, 65_536, 1L << 30));
    }

    private static JsonElement? Object(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static bool? Bool(JsonElement? json, string name) =>
        json is { } given && given.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : null;

    private static long? Number(JsonElement? json, string name) =>
        json is { } given && given.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}
