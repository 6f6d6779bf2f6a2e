using System.Text.Json;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Values that are larger than a payload may be: the beginning is recorded.</summary>
internal static partial class Corpus
{
    // One for all rows: the machine has many tests at once.
    private static readonly Lazy<string> Huge = new(static () => string.Concat("begin ", new string('x', 50_000_000)));
    private static readonly Lazy<string> HugeToEscape = new(static () => string.Concat("begin ", new string('"', 20_000_000)));

    private static IEnumerable<Row> Large =>
    [
        Cut("100 MB of text", static () => Huge.Value, "\"begin xxx", "(cut: 50000006 characters)"),
        Cut("100 MB of text in a member", static () => new { q = "kept", text = Huge.Value, after = 1 }, "\"q\":\"kept\"", "begin xxx"),
        Cut(
            "100 MB of text in a dictionary", static () => new Dictionary<string, object> { ["q"] = "kept", ["text"] = Huge.Value },
            "\"q\":\"kept\"", "begin xxx"),
        Cut("text to escape", static () => HugeToEscape.Value, "begin \\\"\\\""),
        Cut("text to escape in a closed graph", static () => new Record(HugeToEscape.Value), "\"name\":\"begin \\\""),
        Cut(
            "JsonElement of 6 MB", static () => JsonSerializer.SerializeToElement(new { q = "kept", t = new string('y', 6_000_000) }),
            "\"q\":\"kept\"", "yyy"),
        Cut(
            "JsonElement of escapes", static () => Parse("\"begin " + string.Concat(Enumerable.Repeat("\\u00e9\\n", 1_000_000)) + "\""),
            "begin é\\n"),
        Cut("JsonElement of a million numbers", static () => JsonSerializer.SerializeToElement(Enumerable.Range(0, 1_000_000)), "[0,1,2,"),
        // The parser takes a time that is quadratic in the depth: 16 s for 100,000 levels.
        Cut("JsonElement of 30,000 levels", static () => DeepElement(30_000), "deeper than 64"),
        Cut("JsonArray of a million numbers", static () => JsonSerializer.SerializeToNode(Enumerable.Range(0, 1_000_000)), "[0,1,2,"),
        Cut("ten million numbers", static () => new int[10_000_000], "[0,0,", "(cut: 10000000 elements)"),
        Cut(
            "a million objects", static () => Enumerable.Range(0, 1_000_000).Select(static i => new Point(i, i)).ToList(),
            "[{\"x\":0,\"y\":0}"),
        Cut(
            "a million boxed objects", static () => Enumerable.Range(0, 1_000_000).Select(static i => (object)new Point(i, i)).ToArray(),
            "[{\"x\":0,\"y\":0}"),
        Cut(
            "a wide dictionary", static () => Enumerable.Range(0, 500_000).ToDictionary(static i => $"key {i}", static i => (object)i),
            "\"key 0\":0"),
        Cut("8 MB of bytes", static () => new byte[8_000_000], "\"AAAA", "(cut: 8000000 bytes)"),
        Cut("a huge key", static () => new Dictionary<string, int> { ["a"] = 1, [Huge.Value] = 2 }, "\"a\":1"),
        Cut("students and courses", static () => School.Create(7), "\"name\":\"student 0\""),
        Cut("20 students in memory", static () => School.Create(20), "\"name\":\"student 0\""),
        Cut("StringBuilder", static () => new System.Text.StringBuilder("begin ").Append('z', 6_000_000), "begin zzz"),
        Cut("a list of long texts", static () => Enumerable.Repeat(new string('l', 100_000), 100).ToList(), "\"lll"),
        Cut(
            "JsonValue over a huge text", static () => new JsonObject { ["q"] = "kept", ["v"] = new string('v', 6_000_000) },
            "\"q\":\"kept\""),
        Cut(
            "an exception with a long message", static () => new InvalidOperationException(new string('m', 6_000_000)),
            "InvalidOperationException: mmm"),
    ];

    private static JsonElement DeepElement(int depth)
    {
        var text = new string('[', depth) + "\"" + new string('x', 6_000_000) + "\"" + new string(']', depth);
        using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = depth + 1 });
        return document.RootElement.Clone();
    }
}
