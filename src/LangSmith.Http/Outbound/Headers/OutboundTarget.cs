using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace LangSmith.Http.Outbound.Headers;

/// <summary>One compiled entry of <see cref="LangSmithPropagationOptions.Targets"/>. It sees scheme, host and port, never the rest of a URL.</summary>
internal readonly record struct OutboundTarget(string Scheme, string Host, int Port, bool IsSuffix)
{
    private static readonly SearchValues<char> NotInOrigin = SearchValues.Create("/?#@*\\");

    internal static bool TryParse(string? text, out OutboundTarget target, [NotNullWhen(false)] out string? error)
    {
        target = default;
        error = $"Targets: '{text}' is not an origin. Write scheme, host and optional port, such as 'https://answers.internal', 'https://*.internal' or 'http://127.0.0.1:8080'.";
        if (string.IsNullOrWhiteSpace(text))
            return false;
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd < 0)
            return false;
        var rest = text[(schemeEnd + 3)..];
        var isSuffix = rest.StartsWith("*.", StringComparison.Ordinal);
        if (isSuffix)
            rest = rest[2..];
        // Checked on the text: Uri would quietly normalise a path away, or take what is before '@' for a user.
        if (rest.AsSpan().IndexOfAny(NotInOrigin) >= 0 || !Uri.TryCreate(text[..schemeEnd] + "://" + rest, UriKind.Absolute, out var uri))
            return false;
        if (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
            return false;
        if (isSuffix && uri.HostNameType != UriHostNameType.Dns)
            return false;
        target = new OutboundTarget(uri.Scheme, isSuffix ? "." + uri.IdnHost : uri.IdnHost, uri.Port, isSuffix);
        error = null;
        return true;
    }

    internal bool Matches(Uri uri) =>
        uri.Port == Port
        && string.Equals(uri.Scheme, Scheme, StringComparison.Ordinal)
        && (IsSuffix
            ? uri.IdnHost.Length > Host.Length && uri.IdnHost.EndsWith(Host, StringComparison.OrdinalIgnoreCase)
            : string.Equals(uri.IdnHost, Host, StringComparison.OrdinalIgnoreCase));

    internal static bool IsSameOrigin(Uri left, Uri right) =>
        ReferenceEquals(left, right)
        || (left.Port == right.Port
            && string.Equals(left.Scheme, right.Scheme, StringComparison.Ordinal)
            && string.Equals(left.IdnHost, right.IdnHost, StringComparison.OrdinalIgnoreCase));
}
