using System.Buffers;

namespace LangSmith.Http.Propagation;

/// <summary>
/// The token of RFC 9110: the names of headers and the keys of W3C Baggage. Anything else could end the header line.
/// </summary>
internal static class HttpToken
{
    private static readonly SearchValues<char> Characters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    internal static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(Characters);
}
