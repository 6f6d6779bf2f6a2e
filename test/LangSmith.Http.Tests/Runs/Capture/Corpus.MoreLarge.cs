using System.Collections;
using System.Collections.Immutable;
using System.Collections.Specialized;
using System.Dynamic;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Primitives;
using Microsoft.FSharp.Collections;
using Newtonsoft.Json.Linq;
using OpenAI.Chat;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Values of more than 100,000 values that would fit by their bytes, and large ones of all kinds.</summary>
internal static partial class Corpus
{
    private const int Million = 1_000_000;

    private static IEnumerable<Row> MoreLarge =>
    [
        Cut("a million numbers in 2 MB", static () => new int[Million], "[0,0,"),
        Cut("a million numbers in a member", static () => new { q = "kept", n = new int[Million] }, "\"q\":\"kept\"", "[0,0,"),
        Cut("a million numbers in a record", static () => new Numbers1("kept", new int[Million]), "\"q\":\"kept\"", "[0,0,"),
        Cut("a list of a million numbers", static () => new int[Million].ToList(), "[0,0,"),
        Cut("a million booleans", static () => new BitArray(Million), "[false,"),
        Cut("a hundred arrays of 10,000 numbers", static () => Enumerable.Repeat(new int[10_000], 100).ToArray(), "[[0,0,"),
        Cut("a million numbers in a dictionary", static () => new Dictionary<string, int[]> { ["a"] = new int[Million] }, "{\"a\":[0,"),
        Cut("half a million objects in 3 MB", static () => Enumerable.Repeat(new One(1), 500_000).ToArray(), "[{\"a\":1},"),
        Cut("200,000 empty objects", static () => Enumerable.Range(0, 200_000).Select(static _ => new object()).ToList(), "[{},"),
        Cut("a million nulls", static () => new string?[Million], "[null,"),
        Cut("a million boxed nulls", static () => new object?[Million], "[null,"),
        Cut("JsonElement of a million zeros in 2 MB", static () => Parse("[" + string.Join(',', new int[Million]) + "]"), "[0,0,"),
        Cut(
            "JsonElement of a million zeros in a member",
            static () => new { q = "kept", e = Parse("[" + string.Join(',', new int[Million]) + "]") }, "\"q\":\"kept\""),
        Cut("JsonArray of a million zeros", static () => JsonNode.Parse("[" + string.Join(',', new int[Million]) + "]"), "[0,"),
        Cut("JArray of a million zeros", static () => new JArray(new int[Million]), "[0,"),
        Cut("Memory of a million zeros", static () => new ReadOnlyMemory<int>(new int[Million]), "[0,0,"),
        Cut("ImmutableArray of a million zeros", static () => ImmutableArray.Create(new int[Million]), "[0,"),
        Cut("a LinkedList of a million", static () => new LinkedList<int>(new int[Million]), "[0,"),
        Cut("an F# list of a million", static () => ListModule.OfArray(new int[Million]), "[0,"),
        Cut("an ArrayList of a million", static () => new ArrayList(new int[Million]), "[0,"),
        Cut("a million numbers by number", static () => Enumerable.Range(0, Million).ToDictionary(static i => i), "\"0\":0"),
        Cut("a million empty texts", static () => Enumerable.Repeat("", Million).ToArray(), "[\"\","),
        Cut("a million enums", static () => new Level[Million], "[\"Low\","),
        Cut("a wide ExpandoObject", static () => WideExpando(), "\"q\":\"kept\""),
        Cut("a wide NameValueCollection", static () => WideNames(), "\"name 0\":\"v\""),
        Cut("many StringValues", static () => new StringValues(Enumerable.Repeat("v", Million).ToArray()), "[\"v\","),
        Cut("a wide JsonObject", static () => WideNode(), "\"name 0\":0"),

        Cut("100 MB in a list", static () => new List<string> { "kept", Huge.Value, "after" }, "[\"kept\",\"begin xxx"),
        Cut("100 MB in a JsonNode", static () => new JsonObject { ["q"] = "kept", ["t"] = Huge.Value }, "\"q\":\"kept\""),
        Cut("100 MB in a JValue", static () => new JObject { ["q"] = "kept", ["t"] = Huge.Value }, "\"q\":\"kept\""),
        Cut("100 MB in a ChatMessage", static () => new { q = "kept", m = new UserChatMessage(Huge.Value) }, "\"q\":\"kept\""),
        Cut("100 MB in a tuple", static () => (1, Huge.Value), "\"item1\":1", "begin xxx"),
        Cut("100 MB as memory", static () => Huge.Value.AsMemory(), "\"begin xxx"),
        Cut("100 MB as a segment", static () => new StringSegment(Huge.Value), "\"begin xxx"),
        Cut("100 MB in a StringBuilder", static () => new StringBuilder(Huge.Value), "\"begin xxx"),
        Cut(
            "100 MB in an exception in a member", static () => new { q = "kept", e = new InvalidOperationException(Huge.Value) },
            "\"q\":\"kept\"", "InvalidOperationException: begin"),
        Cut("100 MB of bytes in a member", static () => new { q = "kept", b = new byte[100_000_000] }, "\"q\":\"kept\"", "AAAA"),
        Cut("8 MB of memory", static () => new ReadOnlyMemory<byte>(new byte[8_000_000])),
        Cut("100 MB twice", static () => new { a = Huge.Value, q = "after", b = Huge.Value }, "\"a\":\"begin xxx"),
        Cut("text of emoji", static () => string.Concat(Enumerable.Repeat("😀", 2_000_000)), "\\uD83D\\uDE00"),
        Cut("text of three bytes each", static () => new string('€', 3_000_000), "€€€"),
        Cut("text of control characters", static () => new string('\u0001', 3_000_000), "\\u0001\\u0001"),
        Cut("text of lone surrogates", static () => new string('\ud800', 3_000_000), "\ufffd"),
        Cut("a name of 6 MB", static () => new Dictionary<string, int> { [new string('k', 6_000_000)] = 1, ["after"] = 2 }),
        Cut("an ExpandoObject with a name of 6 MB", static () => LongNameExpando()),
        Json("a long but fitting name", static () => new Dictionary<string, int> { [new string('k', 10_000)] = 1 }, "")
            with { Json = null, IsAsExpected = static json => json.EndsWith("kkk\":1}", StringComparison.Ordinal) },
        Cut("a million BigIntegers", static () => Enumerable.Repeat(BigInteger.One, Million).ToArray(), "[1,"),
        Cut("a million dates", static () => new DateTime[Million], "[\"0001-01-01T00:00:00\","),
        Cut(
            "a million Lazies", static () => Enumerable.Repeat(new Lazy<int>(static () => Fails(1) ? 1 : 0), Million).ToArray(),
            "[\"Lazy<Int32>\","),
        Cut("a tree of 2^20 leaves", static () => Grow(20), "{\"left\":{\"left\":"),
        Cut("a cube of lists", static () => Cube(), "[[[[0,"),
        Cut(
            "100,000 getters that throw", static () => Enumerable.Repeat(new Throwing(), 200_000).ToArray(),
            "(threw InvalidOperationException)"),
        Json("99,000 numbers", static () => new int[99_000], "")
            with { Json = null, IsAsExpected = static json => !IsCut(json) && json.Length == 2 * 99_000 + 1 },
        Json("4 MB less a little", static () => new string('x', PayloadSerializer.DefaultMaxBytes - 100), "")
            with { Json = null, IsAsExpected = static json => !IsCut(json) },
        Cut("4 MB and one", static () => new string('x', PayloadSerializer.DefaultMaxBytes + 1), "xxx(cut: 4194305 characters)"),
        Json("cut marks of the user's", static () => new { a = "(cut: 1 characters)" }, "{\"a\":\"(cut: 1 characters)\"}"),
    ];

    private static ExpandoObject WideExpando()
    {
        var expando = new ExpandoObject();
        ICollection<KeyValuePair<string, object?>> members = expando;
        members.Add(new("q", "kept"));
        // Each name is looked for in those before it.
        for (var i = 0; i < 2_000; i++)
            members.Add(new($"name {i}", new int[100]));
        return expando;
    }

    private static ExpandoObject LongNameExpando()
    {
        IDictionary<string, object?> expando = new ExpandoObject();
        expando["q"] = "kept";
        expando[new string('k', 6_000_000)] = 1;
        return (ExpandoObject)expando;
    }

    private static NameValueCollection WideNames()
    {
        var names = new NameValueCollection();
        for (var i = 0; i < 200_000; i++)
            names.Add($"name {i}", "v");
        return names;
    }

    private static JsonObject WideNode()
    {
        var node = new JsonObject();
        for (var i = 0; i < 200_000; i++)
            node.Add($"name {i}", 0);
        return node;
    }

    private static Fork Grow(int steps) => steps == 0 ? new Fork() : new Fork { Left = Grow(steps - 1), Right = Grow(steps - 1) };

    private static List<List<List<List<int>>>> Cube()
    {
        var line = Enumerable.Repeat(0, 40).ToList();
        return Enumerable.Repeat(Enumerable.Repeat(Enumerable.Repeat(line, 40).ToList(), 40).ToList(), 40).ToList();
    }

    internal sealed record Numbers1(string Q, int[] N);

    internal sealed record One(int A);
}
