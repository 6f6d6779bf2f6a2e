using System.IO.Compression;
using System.Net.Http.Headers;
using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Transport;

/// <summary>Builds the requests to LangSmith: address, headers and bodies.</summary>
internal sealed class IngestRequests(ExportSettings settings)
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly string _boundary = $"----LangSmithFormBoundary{Guid.NewGuid():N}";

    internal HttpRequestMessage CreateInfo() => Create(HttpMethod.Get, "/info");

    /// <summary>Writes operations into a body that every attempt sends.</summary>
    internal IngestBody Write(IReadOnlyList<RunOperation> operations, bool isMultipart, bool isCompressed)
    {
        var body = new Body();
        if (isCompressed)
        {
            // The compressor is slow with small pieces.
            using var gzip = new BufferedStream(new GZipStream(body, CompressionLevel.Fastest), Body.PieceBytes);
            WriteTo(gzip);
        }
        else
        {
            WriteTo(body);
        }

        return new IngestBody(body, isMultipart, isCompressed);

        void WriteTo(Stream output)
        {
            using var writer = new RunWriter(settings);
            if (isMultipart)
                MultipartBody.Write(operations, writer, _boundary, output);
            else
                writer.WriteBatch(operations, output);
        }
    }

    internal HttpRequestMessage CreatePost(IngestBody body)
    {
        var request = Create(HttpMethod.Post, body.IsMultipart ? "/runs/multipart" : "/runs/batch");
        request.Content = body.Body.ToContent();
        if (body.IsMultipart)
            request.Content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={_boundary}");
        else
            request.Content.Headers.ContentType = Json;
        if (body.IsCompressed)
            request.Content.Headers.ContentEncoding.Add("gzip");
        return request;
    }

    /// <summary>Replaces the key and the user's headers in a text that is to be logged.</summary>
    internal string Mask(string text)
    {
        // A short value is no secret, and may be part of any word.
        foreach (var secret in settings.Options.Headers.Values.Where(static value => value.Length >= 8).Append(settings.ApiKey))
        {
            if (secret is not null)
                text = text.Replace(secret, "…", StringComparison.Ordinal);
        }

        return text;
    }

    private HttpRequestMessage Create(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(settings.Endpoint.AbsoluteUri.TrimEnd('/') + path));
        Set("User-Agent", $"langsmith-dotnet/{ExportSettings.Version}");
        Set("Accept", "application/json");
        foreach (var (name, value) in settings.Options.Headers)
            Set(name, value);
        // Last: the user's headers never replace them.
        Set("x-api-key", settings.ApiKey);
        Set("x-tenant-id", settings.WorkspaceId);
        return request;

        void Set(string name, string? value)
        {
            if (value is null)
                return;
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }
    }
}

/// <summary>A written body and how it was written.</summary>
internal sealed record IngestBody(Body Body, bool IsMultipart, bool IsCompressed);
