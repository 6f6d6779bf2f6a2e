namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>What may be a header: checked at start-up, so that no request fails for it.</summary>
internal static class HttpHeaderText
{
    internal static bool IsName(string text) =>
        text.Length > 0 && text.All(static c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    internal static bool IsValue(string? text) => text is not null && text.All(static c => c is >= ' ' and <= '~' or '\t');
}
