using System.Collections.Specialized;
using System.Globalization;
using System.Net;
using System.Net.Mail;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Single values.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> Values =>
    [
        Json(null, "null"),
        Json("text \"quoted\" <b>é€😀</b> \u0001", "\"text \\\"quoted\\\" <b>é€\\uD83D\\uDE00</b> \\u0001\"", "text"),
        Json("\ud800 alone", "\"\ufffd alone\"", "lone surrogate"),
        Json("", "\"\"", "empty text"),
        Json(true, "true"), Json('c', "\"c\""), Json((byte)1, "1"), Json((sbyte)-1, "-1"), Json((short)-2, "-2"), Json((ushort)2, "2"),
        Json(3, "3"), Json(4u, "4"), Json(5L, "5"), Json(6UL, "6"), Json(1.5f, "1.5"), Json(2.5, "2.5"), Json(3.10m, "3.10"),
        Json(double.NaN, "\"NaN\""), Json(double.PositiveInfinity, "\"Infinity\""), Json(float.NegativeInfinity, "\"-Infinity\""),
        Json((Half)1.5, "1.5"), Json(Int128.MaxValue, "170141183460469231731687303715884105727"), Json(UInt128.One, "1"),
        Json(BigInteger.Pow(10, 30), "1000000000000000000000000000000"),
        Json(Guid.Parse("8d0bd0ad-2b51-4b67-9e2c-6f3f2a3b6b11"), "\"8d0bd0ad-2b51-4b67-9e2c-6f3f2a3b6b11\""),
        Json(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), "\"2026-01-02T03:04:05Z\""),
        Json(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(1)), "\"2026-01-02T03:04:05+01:00\""),
        Json(new DateOnly(2026, 1, 2), "\"2026-01-02\""), Json(new TimeOnly(3, 4, 5), "\"03:04:05\""),
        Json(TimeSpan.FromSeconds(90), "\"00:01:30\""),
        Json(new Uri("https://a.example/p?q=1"), "\"https://a.example/p?q=1\""), Json(new Version(1, 2, 3), "\"1.2.3\""),
        Json(new byte[] { 1, 2, 3 }, "\"AQID\""),
        Json(Level.High, "\"High\""), Json((Level)7, "7"), Json(Rights.Read | Rights.Write, "\"Read, Write\""),
        Json(HttpStatusCode.NotFound, "\"NotFound\""),
        Json(new { level = (Level?)Level.Low, none = (Level?)null }, "{\"level\":\"Low\",\"none\":null}"),
        Json(Parse("""{"a" : [1, "\ud800"]}"""), """{"a" : [1, "\ud800"]}""", "JsonElement with a lone surrogate"),
        Json(default(JsonElement), "null", "undefined JsonElement"),
        Json("JsonDocument", static () => JsonDocument.Parse("{\"a\":1}"), "{\"a\":1}"),
        Json(
            "JsonElement with comments",
            static () => JsonDocument.Parse("{\"a\":1,/* */}", new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }).RootElement,
            "{\"a\":1}"),
        Json("disposed JsonDocument", static () => Disposed(), "\"(threw ObjectDisposedException)\""),
        Json("disposed JsonElement", static () => DisposedElement(), "\"(threw ObjectDisposedException)\""),
        Json(JsonNode.Parse("{\"a\":[1,null]}"), "{\"a\":[1,null]}", "JsonObject"), Json(JsonNode.Parse("[1]"), "[1]", "JsonArray"),
        Json(JsonValue.Create("v"), "\"v\"", "JsonValue"), Json(JsonValue.Create(1.5), "1.5", "JsonValue of a number"),
        Json("JsonValue of a sequence", static () => JsonValue.Create(Once()), "\"Once\""),
        Json("JsonObject with a sequence", static () => new JsonObject { ["q"] = "kept", ["s"] = JsonValue.Create(Once()) }, "{\"q\":\"kept\",\"s\":\"Once\"}"),
        Json(JsonNode.Parse("{\"a\":{\"b\":[1.50,\"t\",true,null,\"\\ud83d\"]}}"), "{\"a\":{\"b\":[1.50,\"t\",true,null,\"\\ud83d\"]}}", "JsonObject of text"),
        Json(new ReadOnlyMemory<float>([1.5f, 2]), "[1.5,2]", "ReadOnlyMemory"),
        Json(new Memory<byte>([1, 2, 3]), "\"AQID\"", "Memory of bytes"),
        Json("text".AsMemory(), "\"text\"", "Memory of characters"),
        Json(new { vector = new ReadOnlyMemory<float>([1]) }, "{\"vector\":[1]}"),
        Json("a number of 40,000 bytes", static () => BigInteger.One << 320_000, "\"(cut: a number of 40001 bytes)\""),
    ];

    private static IEnumerable<Row> Texts =>
    [
        Json(IPAddress.Loopback, "\"127.0.0.1\""), Json(new IPEndPoint(IPAddress.Loopback, 80), "\"127.0.0.1:80\""),
        Json(CultureInfo.InvariantCulture, "\"\"", "CultureInfo"), Json(Encoding.UTF8, "\"utf-8\"", "Encoding"),
        Json(TimeZoneInfo.Utc, "\"UTC\""), Json(new Regex("^a+$"), "\"^a+$\""), Json(new StringBuilder("built"), "\"built\""),
        Json(new Rune('r'), "\"r\""), Json(new Index(1), "\"1\""), Json(1..2, "\"1..2\""),
        Json(new MailAddress("a@b.example"), "\"a@b.example\""),
        Json(typeof(Dictionary<string, int>), "\"Dictionary<String,Int32>\"", "Type"),
        Json(new InvalidOperationException("why"), "\"InvalidOperationException: why\"", "Exception"),
        Json(new PathString("/p"), "\"/p\""), Json(new QueryString("?q=1"), "\"?q=1\""), Json(new HostString("h", 1), "\"h:1\""),
        Json(new StringSegment("segment", 0, 3), "\"seg\"", "StringSegment"),
        Json(new StringValues("one"), "\"one\"", "StringValues of one"),
        Json(new StringValues(["a", "b"]), "[\"a\",\"b\"]", "StringValues of two"),
        Json(StringValues.Empty, "null", "no StringValues"),
        Json(
            new NameValueCollection { { "a", "1" }, { "b", "2" }, { "b", "3" } }, "{\"a\":\"1\",\"b\":[\"2\",\"3\"]}",
            "NameValueCollection"),
        Json(System.Web.HttpUtility.ParseQueryString("q=1"), "{\"q\":\"1\"}", "ParseQueryString"),
    ];

    private static JsonDocument Disposed()
    {
        var document = JsonDocument.Parse("{}");
        document.Dispose();
        return document;
    }

    private static JsonElement DisposedElement()
    {
        using var document = JsonDocument.Parse("{}");
        return document.RootElement;
    }

    internal enum Level
    {
        Low,
        High,
    }

    [Flags]
    internal enum Rights
    {
        None,
        Read,
        Write,
    }
}
