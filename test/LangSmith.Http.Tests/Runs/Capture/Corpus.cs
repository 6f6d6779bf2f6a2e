using System.Text.Json;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>What applications hand over, and what is recorded of it.</summary>
internal static partial class Corpus
{
    internal static IEnumerable<Row> Rows =>
    [
        .. Values, .. Texts, .. Objects, .. Collections, .. Sequences, .. LeftAlone, .. Foreign, .. Results, .. Entities, .. Large,
        .. MoreValues, .. MoreTexts, .. MoreObjects, .. MoreCollections, .. ReadOnce, .. MoreLeftAlone, .. MoreForeign, .. MoreResults,
        .. MoreEntities, .. MoreLarge,
    ];

    /// <summary>Bytes and values of a payload that was cut, with room for the text that says so.</summary>
    private static bool IsCut(string json) => json.Contains("(cut", StringComparison.Ordinal);

    private static Row Json(object? value, string json, string? name = null) => new(name ?? Name(value), () => value, json);

    private static Row Json(string name, Func<object?> make, string json, Func<object?, bool>? isUnharmed = null) =>
        new(name, make, json, isUnharmed);

    private static Row Expect(string name, Func<object?> make, Func<string, bool> isAsExpected, Func<object?, bool>? isUnharmed = null) =>
        new(name, make, null, isUnharmed) { IsAsExpected = isAsExpected };

    private static Row Cut(string name, Func<object?> make, params string[] parts) => new(name, make, null)
    {
        IsAsExpected = json => IsCut(json) && Array.TrueForAll(parts, part => json.Contains(part, StringComparison.Ordinal)),
    };

    private static string Name(object? value) => value is null ? "null" : $"{TypeNames.Get(value.GetType())} {value}";

    /// <summary>One value of the corpus.</summary>
    /// <param name="Name">What it is called in the test's name.</param>
    /// <param name="Make">Makes a fresh value.</param>
    /// <param name="Json">What is recorded of it.</param>
    /// <param name="IsUnharmed">True if the value is afterwards as it was before; null if nothing could have happened to it.</param>
    internal sealed record Row(string Name, Func<object?> Make, string? Json, Func<object?, bool>? IsUnharmed = null)
    {
        internal Func<string, bool>? IsAsExpected { get; init; }

        public override string ToString() => Name;
    }

    /// <summary>A value that is disposed after the test, with what it depends on.</summary>
    internal interface IOwned : IDisposable
    {
        object? Value { get; }

        /// <summary>How many queries ran since the value was made.</summary>
        int Queries => 0;
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;
}
