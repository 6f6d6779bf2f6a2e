using System.Collections.Specialized;
using System.Net;
using System.Net.Mail;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Single values at the ends of their ranges, and the texts of types that are not their members.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> MoreValues =>
    [
        Json(long.MinValue, "-9223372036854775808"), Json(ulong.MaxValue, "18446744073709551615"),
        Json(Int128.MinValue, "-170141183460469231731687303715884105728"),
        Json(UInt128.MaxValue, "340282366920938463463374607431768211455"),
        Json(decimal.MinValue, "-79228162514264337593543950335"), Json(double.MaxValue, "1.7976931348623157E+308"),
        Json(double.Epsilon, "5E-324"), Json(-0.0, "-0"), Json(0.1f, "0.1"), Json(float.NaN, "\"NaN\"", "float NaN"),
        Json(Half.NaN, "\"NaN\"", "Half NaN"), Json(Half.NegativeInfinity, "\"-Infinity\"", "Half -Infinity"),
        Json(BigInteger.MinusOne, "-1", "BigInteger -1"),
        Json(
            new { n = BigInteger.Parse("123456789012345678901234567890") }, "{\"n\":123456789012345678901234567890}",
            "BigInteger in a member"),
        Json(new List<BigInteger> { 1, 2 }, "[1,2]", "list of BigInteger"),
        Json(
            new Dictionary<string, object> { ["n"] = (Int128)7, ["h"] = (Half)0.5 }, "{\"n\":7,\"h\":0.5}",
            "Int128 and Half in a dictionary"),
        Json('\0', "\"\\u0000\"", "NUL"), Json('\ud800', "\"\\uFFFD\"", "half a surrogate pair"),
        Json(
            new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Unspecified).AddTicks(1), "\"2026-01-02T03:04:05.0000001\"",
            "DateTime of no kind"),
        Json(DateTime.MaxValue, "\"9999-12-31T23:59:59.9999999\""), Json(DateTimeOffset.MinValue, "\"0001-01-01T00:00:00+00:00\""),
        Json(DateOnly.MinValue, "\"0001-01-01\"", "DateOnly.MinValue"),
        Json(new TimeOnly(3, 4, 5, 6), "\"03:04:05.0060000\"", "TimeOnly 6 ms"),
        Json(TimeSpan.FromDays(-1), "\"-1.00:00:00\""), Json(new Uri("a/b?c=d&e=<", UriKind.Relative), "\"a/b?c=d&e=<\""),
        Json(new Version(1, 2), "\"1.2\""), Json(Array.Empty<byte>(), "\"\"", "no bytes"),
        Json(new[] { 'a', 'b' }, "[\"a\",\"b\"]", "char[]"),
        Json(new sbyte[] { -1 }, "[-1]", "sbyte[]"),
        Json(new { bytes = new byte[] { 255 } }, "{\"bytes\":\"/w==\"}", "bytes in a member"),
        Json(new List<byte[]> { new byte[] { 1 } }, "[\"AQ==\"]", "list of bytes"), Json(new List<byte> { 1, 2 }, "[1,2]", "List<byte>"),

        Json(Rights.None, "\"None\""), Json((Rights)8, "8", "undefined flag"),
        Json(Rights.Read | (Rights)8, "9", "flag with an undefined one"),
        Json((Level)(-1), "-1", "negative enum"), Json(new[] { Level.Low, Level.High }, "[\"Low\",\"High\"]", "enum[]"),
        Json(new List<Level?> { Level.Low, null }, "[\"Low\",null]", "nullable enums"), Json(Wide.Top, "\"Top\""),
        Json((Wide)3, "3", "undefined ulong enum"),
        Json(new { e = (Enum)Level.High, o = (object)Rights.Write }, "{\"e\":\"High\",\"o\":\"Write\"}", "enum as Enum and as object"),
        Json(DayOfWeek.Monday, "\"Monday\""),
        Json(new { level = Level.High, list = new[] { 1 } }, "{\"level\":\"High\",\"list\":[1]}", "enum in a closed graph"),
        Json(new Dictionary<string, Level> { ["a"] = (Level)9 }, "{\"a\":9}", "undefined enum in a dictionary"),

        Json(Parse("1.50"), "1.50", "JsonElement 1.50"), Json(Parse("null"), "null", "JsonElement null"),
        Json(Parse("\"a\\u0062\"").GetString(), "\"ab\"", "text of an element"),
        Json(Parse("{\"a\":1,\"a\":2}"), "{\"a\":1,\"a\":2}", "JsonElement with a name twice"),
        Json(new { e = Parse("[1,{}]") }, "{\"e\":[1,{}]}", "JsonElement in a member"),
        Json(new[] { Parse("1"), default }, "[1,null]", "JsonElement[]"),
        Json(
            "JsonDocument in a member", static () => new { q = "kept", d = System.Text.Json.JsonDocument.Parse("[1]") },
            "{\"q\":\"kept\",\"d\":[1]}"),
        Json(
            "disposed JsonDocument in a member", static () => new { q = "kept", d = Disposed() },
            "{\"q\":\"kept\",\"d\":\"(threw ObjectDisposedException)\"}"),
        Json(
            "disposed element in a list", static () => new List<object> { 1, DisposedElement(), 2 },
            "[1,\"(threw ObjectDisposedException)\",2]"),
        Json(
            "disposed element in a typed array", static () => new[] { Parse("1"), DisposedElement(), Parse("2") },
            "[1,\"(threw ObjectDisposedException)\",2]"),
        Json(
            "disposed element in a dictionary",
            static () => new Dictionary<string, System.Text.Json.JsonElement> { ["q"] = Parse("1"), ["e"] = DisposedElement() },
            "{\"q\":1,\"e\":\"(threw ObjectDisposedException)\"}"),
        Json(
            "JsonObject over a disposed document", static () => new { q = "kept", o = DisposedObject() },
            "{\"q\":\"kept\",\"o\":{\"(threw)\":\"(threw ObjectDisposedException)\"}}"),
        Json("JsonValue of a struct", static () => JsonValue.Create(new Point(1, 2)), "{\"x\":1,\"y\":2}"),
        Json("JsonValue of a Guid", static () => JsonValue.Create(Guid.Empty), "\"00000000-0000-0000-0000-000000000000\""),
        Json(
            "JsonValue of a Lazy", static () => new JsonObject { ["l"] = JsonValue.Create(new Lazy<int>(static () => Fails(1) ? 1 : 0)) },
            "{\"l\":\"Lazy<Int32>\"}"),
        Json(
            "JsonArray of odd values",
            static () => new JsonArray(JsonValue.Create(new InvalidOperationException("why")), null, JsonValue.Create(Endless())),
            "[\"InvalidOperationException: why\",null,\"Endless\"]"),
        Json("JsonNode in a member", static () => new { q = "kept", n = (JsonNode?)new JsonArray(1, 2) }, "{\"q\":\"kept\",\"n\":[1,2]}"),
        Json("JsonNode with a parent", static () => new JsonObject { ["a"] = new JsonObject { ["b"] = 1 } }["a"], "{\"b\":1}"),
    ];

    private static IEnumerable<Row> MoreTexts =>
    [
        Json(IPAddress.IPv6Loopback, "\"::1\""), Json(new IPEndPoint(IPAddress.IPv6Any, 443), "\"[::]:443\""),
        Json(new IPNetwork(IPAddress.Parse("10.0.0.0"), 8), "\"10.0.0.0/8\""), Json(new FragmentString("#f"), "\"#f\"", "FragmentString"),
        Json(new FragmentString(), "\"\"", "no fragment"), Json(new PathString(), "\"\"", "no path"),
        Json(new QueryString(), "\"\"", "no query"),
        Json(new HostString("a.example"), "\"a.example\"", "HostString without a port"), Json(new StringSegment(), "\"\"", "no segment"),
        Json(
            new { path = new PathString("/a b"), query = new QueryString("?q=a%20b") }, "{\"path\":\"/a%20b\",\"query\":\"?q=a%20b\"}",
            "path and query in members"),
        Json(Encoding.ASCII, "\"us-ascii\"", "ASCII"), Json(Encoding.Latin1, "\"iso-8859-1\"", "Latin1"),
        Json(TimeZoneInfo.CreateCustomTimeZone("Own", TimeSpan.FromHours(1), "Own name", "Own"), "\"Own\"", "own time zone"),
        Json(new Regex("(?<a>\\d+)", RegexOptions.IgnoreCase), "\"(?<a>\\\\d+)\"", "Regex with a backslash"),
        Json(new StringBuilder(), "\"\"", "empty StringBuilder"), Json(new Rune(0x1F600), "\"\\uD83D\\uDE00\"", "Rune of two"),
        Json(^1, "\"^1\"", "Index from the end"), Json(Range.All, "\"0..^0\"", "Range.All"),
        Json(new MailAddress("a@b.example", "Ann"), "\"\\\"Ann\\\" <a@b.example>\"", "MailAddress with a name"),
        Json(typeof(int[]), "\"Int32[]\"", "Type of an array"), Json(typeof(int?), "\"Nullable<Int32>\"", "Type of a nullable"),
        Json(typeof(Level), "\"Level\"", "Type of a nested enum"),
        Json(new { a = 1 }.GetType(), "\"anonymous type\"", "Type of an anonymous object"),
        Json(Once().GetType(), "\"Once\"", "Type of an iterator"), Json(typeof(List<>), "\"List<T>\"", "open generic Type"),
        Json(typeof(int[,][]), "\"Int32[][,]\"", "Type of arrays of arrays")
            with { Json = null, IsAsExpected = static json => json is "\"Int32[][,]\"" or "\"Int32[,][]\"" },
        Json(
            new AggregateException("all", new InvalidOperationException("one")), "\"AggregateException: all (one)\"",
                "AggregateException"),
        Json(new Oops<int>("m"), "\"Oops<Int32>: m\"", "generic exception"),
        Json(
            new InvalidOperationException("outer", new ArgumentException("inner")), "\"InvalidOperationException: outer\"",
            "exception with an inner one"),
        Expect(
            "exception whose message throws", static () => new { q = "kept", e = new BadMessage() },
            static json =>
                json is "{\"q\":\"kept\",\"e\":\"BadMessage\"}" or "{\"q\":\"kept\",\"e\":\"(threw InvalidOperationException)\"}"),
        Json("thrown exception", static () => Thrown(), "\"InvalidOperationException: thrown\""),
        Json(
            new List<Exception> { new InvalidOperationException("1"), new ArgumentException("2") },
            "[\"InvalidOperationException: 1\",\"ArgumentException: 2\"]", "list of exceptions"),
        Json(new Dictionary<string, IPAddress> { ["a"] = IPAddress.Any }, "{\"a\":\"0.0.0.0\"}", "dictionary of addresses"),
        Json(new[] { typeof(int), typeof(string) }, "[\"Int32\",\"String\"]", "Type[]"),
        Json(new List<Rune> { new('a') }, "[\"a\"]", "list of runes"),
        Json(new StringValues(["a", null]), "[\"a\",null]", "StringValues with null"),
        Json(
            new { one = new StringValues("a"), none = default(StringValues) }, "{\"one\":\"a\",\"none\":null}",
                "StringValues in members"),
        Json(
            new Dictionary<string, StringValues> { ["a"] = "1", ["b"] = new(["2", "3"]) }, "{\"a\":\"1\",\"b\":[\"2\",\"3\"]}",
            "dictionary of StringValues"),
        Json(new NameValueCollection(), "{}", "empty NameValueCollection"),
        Json(new NameValueCollection { { "a", null } }, "{\"a\":null}", "NameValueCollection with null"),
        Json(new { query = new NameValueCollection { { "Q", "1" } } }, "{\"query\":{\"Q\":\"1\"}}", "NameValueCollection in a member"),
    ];

    private static JsonObject DisposedObject()
    {
        using var document = System.Text.Json.JsonDocument.Parse("{\"a\":1}");
        return JsonObject.Create(document.RootElement)!;
    }

    private static InvalidOperationException Thrown()
    {
        try
        {
            throw new InvalidOperationException("thrown");
        }
        catch (InvalidOperationException exception)
        {
            return exception;
        }
    }

    internal enum Wide : ulong
    {
        Bottom,
        Top = ulong.MaxValue,
    }

    internal sealed class Oops<T>(string message) : Exception(message);

    internal sealed class BadMessage : Exception
    {
        public override string Message => throw new InvalidOperationException();
    }
}
