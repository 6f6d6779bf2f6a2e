using LangSmith.Http.Collector.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace LangSmith.Http.Collector.Page;

/// <summary>Serves the page: three embedded files, which refer to each other and to the API by relative addresses.</summary>
internal static class PageEndpoints
{
    // Allows nothing from other origins and nothing inline, so that a payload stays text.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    internal static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/", context =>
        {
            // Relative addresses need the slash, which a request of a prefix may omit.
            if (context.Request.Path.Value?.EndsWith('/') != true)
            {
                context.Response.Redirect($"{context.Request.PathBase}{context.Request.Path}/{context.Request.QueryString}");
                return Task.CompletedTask;
            }

            return SendAsync(context, "index.html", "text/html; charset=utf-8");
        });
        endpoints.MapGet("/app.js", static context => SendAsync(context, "app.js", "text/javascript; charset=utf-8"));
        endpoints.MapGet("/style.css", static context => SendAsync(context, "style.css", "text/css; charset=utf-8"));
    }

    private static async Task SendAsync(HttpContext context, string name, string contentType)
    {
        if (CollectorGuard.Refuse(context) is { } reason)
        {
            await JsonResponse.ErrorAsync(context, StatusCodes.Status403Forbidden, reason).ConfigureAwait(false);
            return;
        }

        using var file = typeof(PageEndpoints).Assembly.GetManifestResourceStream(name)!;
        var response = context.Response;
        response.ContentType = contentType;
        response.ContentLength = file.Length;
        response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        // Another version of the package may serve another page at this address.
        response.Headers.CacheControl = "no-cache";
        await file.CopyToAsync(response.Body, context.RequestAborted).ConfigureAwait(false);
    }
}
