using System.Diagnostics.CodeAnalysis;

namespace LangSmith.Http.Collector.Model;

/// <summary>Names runs in messages. Messages are stored, and names may be megabytes, so long names are shortened.</summary>
internal static class RunLabel
{
    private const int MaxLength = 80;

    internal static string Of(string? name, Guid id) => name is { Length: > 0 } ? $"'{Shorten(name)}'" : $"Run {id}";

    [return: NotNullIfNotNull(nameof(text))]
    internal static string? Shorten(string? text) => text is null ? null : Shorten(text.AsSpan());

    internal static string Shorten(ReadOnlySpan<char> text, int maxLength = MaxLength) =>
        text.Length <= maxLength ? text.ToString() : string.Concat(text[..maxLength], "…");
}
