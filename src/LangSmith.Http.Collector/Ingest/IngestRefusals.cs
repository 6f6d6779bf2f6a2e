using LangSmith.Http.Collector.Model;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>The refusals of requests as such, and the status code of every refusal.</summary>
internal static class IngestRefusals
{
    private const string ContentTypeCode = "content_type";
    private const string ContentEncodingCode = "content_encoding";
    private const string RequestRefusedCode = "request_refused";
    private const string RequestTooLargeCode = "request_too_large";
    private const string TooManyRunsCode = "too_many_runs";

    internal static int GetStatusCode(Refusal refusal) => refusal.Code switch
    {
        RefusedException.MalformedCode => StatusCodes.Status422UnprocessableEntity,
        ContentTypeCode or ContentEncodingCode => StatusCodes.Status415UnsupportedMediaType,
        RequestTooLargeCode or TooManyRunsCode => StatusCodes.Status413PayloadTooLarge,
        RequestRefusedCode => StatusCodes.Status403Forbidden,
        _ => StatusCodes.Status400BadRequest,
    };

    internal static Refusal Forbidden(string reason) => new(RequestRefusedCode, reason);

    internal static RefusedException ContentType(string message) => new(ContentTypeCode, message);

    internal static RefusedException ContentEncoding(string message) => new(ContentEncodingCode, message);

    internal static RefusedException TooLarge(long maxBytes) => new(RequestTooLargeCode,
        $"The body is larger than {maxBytes:N0} bytes, the batch_ingest_config.size_limit_bytes of GET /info."
        + " Send smaller batches, or smaller payloads.");

    internal static RefusedException TooLargeDecompressed(long maxBytes) => new(RequestTooLargeCode,
        $"The body is larger than {maxBytes:N0} bytes when it is decompressed. Send smaller batches, or smaller payloads.");

    internal static RefusedException TooManyRuns(int count, int maxCount) => new(TooManyRunsCode,
        $"The batch has {count} operations; GET /info says 100 (batch_ingest_config.size_limit), and more than {maxCount} are refused.");
}
