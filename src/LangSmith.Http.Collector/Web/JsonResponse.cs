using System.Text.Json;
using LangSmith.Http.Propagation;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Collector.Web;

/// <summary>Writes JSON responses by hand: there are few shapes, and trimming keeps them.</summary>
internal static class JsonResponse
{
    internal static async Task WriteAsync(HttpContext context, int statusCode, Action<Utf8JsonWriter> write)
    {
        var body = RawJson.Write(write, static (writer, write) =>
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        });
        var response = context.Response;
        response.StatusCode = statusCode;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        await response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }

    internal static Task ErrorAsync(HttpContext context, int statusCode, string message) =>
        WriteAsync(context, statusCode, json => json.WriteString("error", message));
}
