using System.Text.Json;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>One entry of header-vectors.json: what one SDK did with one case.</summary>
public sealed record Vector(string Id, string Sdk, string Kind, JsonElement Entry)
{
    internal JsonElement Input => Entry.GetProperty("input");

    public override string ToString() => $"{Id} ({Sdk})";
}

/// <summary>One entry of header-expectations.json: what LangSmith.Http does in a case, next to some SDKs.</summary>
internal sealed record Expectation(
    string Id, IReadOnlyList<string> Sdks, bool Agrees, bool SameDecoded, IReadOnlyDictionary<string, JsonElement> Expected, string? Reason);

/// <summary>The two data files, read once.</summary>
internal static class VectorFile
{
    internal static IReadOnlyList<Vector> Vectors { get; } =
    [
        .. Read("header-vectors.json").EnumerateArray().Select(static entry => new Vector(
            entry.GetProperty("id").GetString()!, entry.GetProperty("sdk").GetString()!, entry.GetProperty("kind").GetString()!, entry)),
    ];

    internal static IReadOnlyList<Expectation> Expectations { get; } =
    [
        .. Read("header-expectations.json").GetProperty("cases").EnumerateArray().Select(static entry => new Expectation(
            entry.GetProperty("id").GetString()!,
            [.. entry.GetProperty("sdks").EnumerateArray().Select(static sdk => sdk.GetString()!)],
            entry.GetProperty("agrees").GetBoolean(),
            entry.TryGetProperty("sameDecoded", out var same) && same.GetBoolean(),
            entry.TryGetProperty("expected", out var expected)
                ? expected.EnumerateObject().ToDictionary(static property => property.Name, static property => property.Value)
                : [],
            entry.TryGetProperty("reason", out var reason) ? reason.GetString() : null)),
    ];

    internal static Expectation ExpectationOf(Vector vector) =>
        Expectations.Single(expectation => expectation.Id == vector.Id && expectation.Sdks.Contains(vector.Sdk));

    private static JsonElement Read(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Data", name)));
        return document.RootElement.Clone();
    }
}
