using System.IO.Compression;
using System.Text.Json;
using LangSmith.Http.Collector.Model;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>Reads the bodies of ingest requests, within bounds.</summary>
internal static class IngestBody
{
    // RFC 2046. MultipartReader throws if the boundary is larger than its buffer.
    private const int MaxBoundary = 70;

    // A parsed body takes several times its size: few are parsed at a time, however many requests arrive.
    private static readonly SemaphoreSlim Readers = new(2);

    internal static async Task<IReadOnlyList<RunWrite>> ReadBatchAsync(HttpRequest request, long maxBytes)
    {
        using var upload = await UploadAsync(request, maxBytes).ConfigureAwait(false);
        using var body = await ReadJsonAsync(upload, request.HttpContext.RequestAborted).ConfigureAwait(false);
        if (body.RootElement.ValueKind != JsonValueKind.Object)
            throw RefusedException.Malformed("A batch must be an object with 'post' and 'patch'.");
        var runs = new List<RunWrite>();
        foreach (var (name, isCreate) in (ReadOnlySpan<(string, bool)>)[("post", true), ("patch", false)])
        {
            if (!body.RootElement.TryGetProperty(name, out var items) || items.ValueKind == JsonValueKind.Null)
                continue;
            if (items.ValueKind != JsonValueKind.Array)
                throw RefusedException.Malformed($"'{name}' must be an array of runs.");
            foreach (var item in items.EnumerateArray())
                runs.Add(RunJson.Read(item, isCreate));
        }

        return runs;
    }

    internal static async Task<RunWrite> ReadRunAsync(HttpRequest request, long maxBytes, bool isCreate, Guid? pathId)
    {
        using var upload = await UploadAsync(request, maxBytes).ConfigureAwait(false);
        using var body = await ReadJsonAsync(upload, request.HttpContext.RequestAborted).ConfigureAwait(false);
        return RunJson.Read(body.RootElement, isCreate, pathId);
    }

    internal static async Task<IReadOnlyList<RunWrite>> ReadMultipartAsync(HttpRequest request, long maxBytes)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 } boundary)
            throw IngestRefusals.ContentType("The body must be multipart/form-data with a boundary.");
        if (boundary.Length > MaxBoundary)
            throw IngestRefusals.ContentType(
                $"The boundary of the multipart body has {boundary.Length} characters; it may have {MaxBoundary}.");

        using var upload = await UploadAsync(request, maxBytes).ConfigureAwait(false);
        var parts = new MultipartRuns();
        var reader = new MultipartReader(boundary, upload.Body) { HeadersCountLimit = 8 };
        try
        {
            while (await reader.ReadNextSectionAsync(request.HttpContext.RequestAborted).ConfigureAwait(false) is { } section)
                await parts.AddAsync(section, request.HttpContext.RequestAborted).ConfigureAwait(false);
        }
        // If the sender disconnects, there is nothing to refuse.
        catch (Exception exception) when (exception is InvalidDataException or IOException and not BadHttpRequestException
            && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw RefusedException.Malformed($"The multipart body cannot be read: {exception.Message}");
        }

        return parts.Runs;
    }

    private static async Task<JsonDocument> ReadJsonAsync(Upload upload, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await upload.Body.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        return JsonText.Parse("The body", buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
    }

    // Receives the whole body before it waits for its turn to parse: a slow sender delays no other request.
    private static async Task<Upload> UploadAsync(HttpRequest request, long maxBytes)
    {
        if (request.ContentLength > maxBytes)
            throw IngestRefusals.TooLarge(maxBytes);
        var encoding = request.Headers.ContentEncoding.ToString().ToLowerInvariant();
        if (encoding == "zstd")
            throw IngestRefusals.ContentEncoding("zstd is not supported here: GET /info says so"
                + " (instance_flags.zstd_compression_enabled = false). Send gzip, or no compression.");
        if (encoding is not ("" or "identity" or "gzip"))
            throw IngestRefusals.ContentEncoding($"Content-Encoding '{encoding}' is not supported. Send gzip, or no compression.");

        var raw = new MemoryStream();
        using (var body = new BoundedStream(request.Body, maxBytes))
            await body.CopyToAsync(raw, request.HttpContext.RequestAborted).ConfigureAwait(false);
        raw.Position = 0;
        await Readers.WaitAsync(request.HttpContext.RequestAborted).ConfigureAwait(false);
        return new Upload(encoding == "gzip"
            ? new BoundedStream(new GZipStream(raw, CompressionMode.Decompress), 4 * maxBytes, isDecompressed: true)
            : raw);
    }

    /// <summary>A received body whose turn to be parsed it is. Disposing it lets the next one be parsed.</summary>
    private sealed class Upload(Stream body) : IDisposable
    {
        internal Stream Body => body;

        public void Dispose()
        {
            body.Dispose();
            Readers.Release();
        }
    }
}
