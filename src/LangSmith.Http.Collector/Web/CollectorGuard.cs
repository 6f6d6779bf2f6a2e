using System.Net;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Collector.Web;

/// <summary>
/// Refuses requests of other sites' pages: any site can make a browser on this machine send requests to 127.0.0.1, and can
/// make its own name resolve to it.
/// </summary>
internal static class CollectorGuard
{
    /// <summary>Returns why a request is refused; null if it is accepted.</summary>
    internal static string? Refuse(HttpContext context)
    {
        var request = context.Request;
        var isLocal = context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote);
        if (isLocal && !IsThisMachine(request.Host.Host))
            return $"The request is for '{request.Host}' but comes from this machine. Use 127.0.0.1 or localhost.";
        if (request.Headers.Origin.ToString() is { Length: > 0 } origin && !IsSameSite(origin, request))
            return "The request comes from a page of another site. Open the collector's own page.";
        return null;
    }

    private static bool IsThisMachine(string host) =>
        // Names that no site can own.
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || host.Equals("host.docker.internal", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsSameSite(string origin, HttpRequest request) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && uri.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase);
}
