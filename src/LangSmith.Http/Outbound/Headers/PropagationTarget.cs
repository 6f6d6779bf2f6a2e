using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>
/// One compiled entry of <see cref="LangSmithPropagationOptions.Targets"/>. It compares scheme, host and port, never the rest
/// of a URL.
/// </summary>
internal readonly record struct PropagationTarget(string Text, string Scheme, string Host, int Port, bool IsSuffix)
{
    private static readonly SearchValues<char> NotInOrigin = SearchValues.Create("/?#@*\\");

    // The second two are how service discovery lets an application say "whichever the service has".
    private static readonly string[] Schemes = [Uri.UriSchemeHttp, Uri.UriSchemeHttps, "https+http", "http+https"];

    internal static bool TryParse(string? text, out PropagationTarget target, [NotNullWhen(false)] out string? error)
    {
        target = default;
        error = $"Targets: '{text}' is not an origin. Write scheme, host and optional port, such as 'https://answers.internal', "
            + "'https://*.internal', 'http://127.0.0.1:8080' or, for service discovery, 'https+http://answers'.";
        if (string.IsNullOrWhiteSpace(text))
            return false;
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd < 0)
            return false;
        var rest = text[(schemeEnd + 3)..];
        var isSuffix = rest.StartsWith("*.", StringComparison.Ordinal);
        if (isSuffix)
            rest = rest[2..];
        // Checked in the text: Uri removes a path without saying so, and takes the part before '@' for a user.
        if (rest.Length == 0 || rest.AsSpan().IndexOfAny(NotInOrigin) >= 0
            || !Uri.TryCreate(text[..schemeEnd] + "://" + rest, UriKind.Absolute, out var uri)
            || !Schemes.Contains(uri.Scheme)
            || (isSuffix && uri.HostNameType != UriHostNameType.Dns))
            return false;
        target = new PropagationTarget(text, uri.Scheme, isSuffix ? "." + uri.IdnHost : uri.IdnHost, uri.Port, isSuffix);
        error = null;
        return true;
    }

    internal static bool IsSameOrigin(Uri left, Uri right) =>
        ReferenceEquals(left, right)
        || (left.Port == right.Port
            && string.Equals(left.Scheme, right.Scheme, StringComparison.Ordinal)
            && string.Equals(left.IdnHost, right.IdnHost, StringComparison.OrdinalIgnoreCase));

    /// <summary>Scheme, host and port, as they are compared.</summary>
    internal static string GetOrigin(Uri uri) => uri.Port < 0 ? $"{uri.Scheme}://{uri.Host}" : $"{uri.Scheme}://{uri.Host}:{uri.Port}";

    internal bool Matches(Uri uri) =>
        uri.Port == Port
        && string.Equals(uri.Scheme, Scheme, StringComparison.Ordinal)
        && (IsSuffix
            ? uri.IdnHost.Length > Host.Length && uri.IdnHost.EndsWith(Host, StringComparison.OrdinalIgnoreCase)
            : string.Equals(uri.IdnHost, Host, StringComparison.OrdinalIgnoreCase));
}
