using System.IO.Compression;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LangSmith.Http;

/// <summary>Reads what the ingest endpoints are sent, within bounds.</summary>
internal static class IngestBody
{
    // RFC 2046; the reader throws at one larger than its buffer.
    private const int MaxBoundary = 70;

    internal static async Task<IReadOnlyList<RunWrite>> ReadBatchAsync(HttpRequest request, long maxBytes)
    {
        using var body = await ReadJsonAsync(request, maxBytes).ConfigureAwait(false);
        if (body.RootElement.ValueKind != JsonValueKind.Object)
            throw IngestException.Malformed("A batch must be an object with 'post' and 'patch'.");
        var runs = new List<RunWrite>();
        foreach (var (name, isCreate) in (ReadOnlySpan<(string, bool)>)[("post", true), ("patch", false)])
        {
            if (!body.RootElement.TryGetProperty(name, out var items) || items.ValueKind == JsonValueKind.Null)
                continue;
            if (items.ValueKind != JsonValueKind.Array)
                throw IngestException.Malformed($"'{name}' must be an array of runs.");
            foreach (var item in items.EnumerateArray())
                runs.Add(RunJson.Read(item, isCreate));
        }

        return runs;
    }

    internal static async Task<RunWrite> ReadRunAsync(HttpRequest request, long maxBytes, bool isCreate, Guid? pathId)
    {
        using var body = await ReadJsonAsync(request, maxBytes).ConfigureAwait(false);
        return RunJson.Read(body.RootElement, isCreate, pathId);
    }

    internal static async Task<IReadOnlyList<RunWrite>> ReadMultipartAsync(HttpRequest request, long maxBytes)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 } boundary)
            throw new IngestException(IngestException.StatusCodes.UnsupportedMediaType, "content_type", "The body must be multipart/form-data with a boundary.");
        if (boundary.Length > MaxBoundary)
            throw new IngestException(IngestException.StatusCodes.UnsupportedMediaType, "content_type", $"The boundary of the multipart body has {boundary.Length} characters; it may have {MaxBoundary}.");

        using var stream = Open(request, maxBytes);
        var parts = new MultipartRuns();
        var reader = new MultipartReader(boundary, stream) { HeadersCountLimit = 8 };
        try
        {
            while (await reader.ReadNextSectionAsync(request.HttpContext.RequestAborted).ConfigureAwait(false) is { } section)
                await parts.AddAsync(section, request.HttpContext.RequestAborted).ConfigureAwait(false);
        }
        // A sender that goes away in the middle sent nothing that could be refused.
        catch (Exception exception) when (exception is InvalidDataException or IOException and not BadHttpRequestException
            && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw IngestException.Malformed($"The multipart body cannot be read: {exception.Message}");
        }

        return parts.Runs;
    }

    private static async Task<JsonDocument> ReadJsonAsync(HttpRequest request, long maxBytes)
    {
        using var stream = Open(request, maxBytes);
        using var buffer = new MemoryStream();
        await stream.CopyToAsync(buffer, request.HttpContext.RequestAborted).ConfigureAwait(false);
        return JsonText.Parse("The body", buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
    }

    private static BoundedStream Open(HttpRequest request, long maxBytes)
    {
        if (request.ContentLength > maxBytes)
            throw BoundedStream.TooLarge(maxBytes);
        var body = new BoundedStream(request.Body, maxBytes);
        return request.Headers.ContentEncoding.ToString().ToLowerInvariant() switch
        {
            "" or "identity" => body,
            // What little becomes much is bounded, too.
            "gzip" => new BoundedStream(new GZipStream(body, CompressionMode.Decompress), 4 * maxBytes, isDecompressed: true),
            "zstd" => throw new IngestException(IngestException.StatusCodes.UnsupportedMediaType, "content_encoding",
                "zstd is not supported here: GET /info says so (instance_flags.zstd_compression_enabled = false). Send gzip, or no compression."),
            var other => throw new IngestException(IngestException.StatusCodes.UnsupportedMediaType, "content_encoding", $"Content-Encoding '{other}' is not supported. Send gzip, or no compression."),
        };
    }
}
