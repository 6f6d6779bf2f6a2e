using System.Dynamic;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

#pragma warning disable CA1822 // A member of an instance is what is tested.

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Objects, and the odd members that leave the others unharmed.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> Objects =>
    [
        Json(new { Question = "q", n = 1 }, "{\"question\":\"q\",\"n\":1}"),
        Json(new Point(1, 2), "{\"x\":1,\"y\":2}"), Json(new Fields { A = 1, B = "b" }, "{\"a\":1,\"b\":\"b\"}", "public fields"),
        Json((1, "two"), "{\"item1\":1,\"item2\":\"two\"}"), Json(Tuple.Create(1, "two"), "{\"item1\":1,\"item2\":\"two\"}"),
        Json(KeyValuePair.Create("k", 1), "{\"key\":\"k\",\"value\":1}"),
        Json(new { pair = (Name: "n", Count: 2) }, "{\"pair\":{\"item1\":\"n\",\"item2\":2}}"),
        Json(new Attributed(), "{\"renamed\":1,\"number\":\"2\",\"level\":1}", "attributes"),
        Json(new WithExtension { Known = 1, More = new() { ["x"] = Parse("[1]") } }, "{\"known\":1,\"x\":[1]}", "extension data"),
        Json(
            new Container { Item = new Dog { Name = "d", Barks = true } }, "{\"item\":{\"barks\":true,\"name\":\"d\"}}",
            "derived in a base"),
        Json(
            new List<Animal> { new Dog { Name = "d", Barks = true }, new Animal { Name = "a" } },
            "[{\"barks\":true,\"name\":\"d\"},{\"name\":\"a\"}]", "list of a base"),
        Json(new { animal = (object)new Animal { Name = "a" } }, "{\"animal\":{\"name\":\"a\"}}", "object member"),
        Json(new { shape = (IShape)new Circle { R = 2 } }, "{\"shape\":{\"r\":2}}", "interface member"),
        Json(new List<Figure> { new Square { Side = 3 } }, "[{\"kind\":\"square\",\"side\":3}]", "declared polymorphism"),
        Json(
            new { figure = (Figure)new Square { Side = 3 } }, "{\"figure\":{\"kind\":\"square\",\"side\":3}}",
            "declared polymorphism in a member"),
        Json(new { q = "kept", ip = IPAddress.Loopback }, "{\"q\":\"kept\",\"ip\":\"127.0.0.1\"}", "odd: IPAddress"),
        Json(
            new { q = "kept", e = new InvalidOperationException("why") }, "{\"q\":\"kept\",\"e\":\"InvalidOperationException: why\"}",
            "odd: Exception"),
        Json(new { q = "kept", t = typeof(int) }, "{\"q\":\"kept\",\"t\":\"Int32\"}", "odd: Type"),
        Json(new { q = "kept", d = new Dictionary<(int, string), string> { [(1, "a")] = "x" } },
            "{\"q\":\"kept\",\"d\":\"Dictionary<ValueTuple<Int32,String>,String>\"}", "odd: tuple keys"),
        Json(new { q = "kept", a = Numbers() }, "{\"q\":\"kept\",\"a\":\"Numbers\"}", "odd: iterator"),
        Json(new { q = "kept", a = Later() }, "{\"q\":\"kept\",\"a\":\"Later\"}", "odd: async iterator"),
        Json(
            new { q = "kept", g = new Throwing() },
            "{\"q\":\"kept\",\"g\":{\"before\":1,\"bad\":\"(threw InvalidOperationException)\",\"after\":2}}", "odd: getter"),
        Json(
            "odd: disposed element", static () => new { q = "kept", e = DisposedElement() },
            "{\"q\":\"kept\",\"e\":\"(threw ObjectDisposedException)\"}"),
        Json(
            new Colliding(), "{\"q\":\"kept\",\"Id\":1,\"id\":2}".Replace("\"q\"", "\"Q\"", StringComparison.Ordinal),
            "odd: names that collide"),
        Json(
            new { q = "kept", c = new Colliding() }, "{\"q\":\"kept\",\"c\":{\"Q\":\"kept\",\"Id\":1,\"id\":2}}",
            "odd: names that collide inside"),
        Json(
            new { q = "kept", p = (nint)1, f = (Action)(static () => { }) }, "{\"q\":\"kept\",\"p\":\"IntPtr\",\"f\":\"Action\"}",
            "odd: pointer and delegate"),
        Json(new { q = "kept", a = new int[1, 1] }, "{\"q\":\"kept\",\"a\":\"Int32[,]\"}", "odd: two dimensions"),
        Json(new { q = "kept", c = new BadConverted() }, "{\"q\":\"kept\",\"c\":\"BadConverted\"}", "odd: converter that throws"),
        Json(new { q = "kept", c = new HalfConverted() }, "{\"q\":\"kept\",\"c\":\"HalfConverted\"}", "odd: converter that writes half"),
        Json(new { q = "kept", c = new RawConverted() }, "{\"q\":\"kept\",\"c\":\"RawConverted\"}", "odd: converter that writes no JSON"),
        Json(new Converted(), "\"by the converter\"", "converter of the type"),
        Json("cycle", static () => Cycle(), "{\"name\":\"n\",\"next\":null}"),
        Json("list in itself", static () => ListInItself(), "[null]"),
        Json(
            "shared without a cycle", static () => Shared(),
            "{\"a\":{\"name\":\"s\",\"next\":null},\"b\":{\"name\":\"s\",\"next\":null}}"),
        Cut("depth", static () => Deep(100), "deeper than 64"),
        Cut("depth of dictionaries", static () => DeepDictionary(100), "deeper than 64"),
        Cut("a diamond of 40 steps", static () => Diamond(40)), Cut("a diamond of dictionaries", static () => DiamondOfDictionaries(40)),
        Json(Expando(), "{\"a\":1,\"b\":[2]}", "ExpandoObject"), Json(new Dynamic(), "{\"declared\":1}", "DynamicObject"),
        Json(new Callbacks(), "{\"value\":\"set by OnSerializing\"}", "callbacks"),
        Json(new Ignoring(), "{\"kept\":1}", "conditions"), Json(new Ordered(), "{\"first\":1,\"second\":2}", "order"),
        Json(new WithInclude(), "{\"visible\":1}", "JsonInclude"),
        Json(new Derived { Own = 1, Base = 2 }, "{\"own\":1,\"base\":2}", "inherited members"),
        Json(new { nullable = (int?)5, none = (int?)null }, "{\"nullable\":5,\"none\":null}", "nullable"),
        Json(new Record("n") { More = [1] }, "{\"name\":\"n\",\"more\":[1]}", "record"),
        Json(new Indexed(), "{\"a\":1}", "indexer"), Json(new WriteOnly(), "{\"a\":1}", "write-only and private"),
        Json(
            new { lazy = new Lazy<string>(static () => throw new InvalidOperationException("forced")) }, "{\"lazy\":\"Lazy<String>\"}",
            "lazy member"),
        Json("created Lazy", static () => Created(), "{\"lazy\":\"made\"}"),
        Json("Lazy", static () => new Lazy<int>(static () => 1), "\"Lazy<Int32>\"", static value => !((Lazy<int>)value!).IsValueCreated),
        Json("Lazy in a list", static () => new List<object> { new Lazy<int>(static () => 1) }, "[\"Lazy<Int32>\"]",
            static value => !((Lazy<int>)((List<object>)value!)[0]).IsValueCreated),
        Json("subclass of Lazy", static () => new MyLazy(), "\"MyLazy\"", static value => !((MyLazy)value!).IsValueCreated),
        Json("Lazy that threw", static () => Failed(), "\"Lazy<Int32>\""),
    ];

    private static object Created()
    {
        var lazy = new Lazy<string>(static () => "made");
        _ = lazy.Value;
        return new { lazy };
    }

    private static Lazy<int> Failed()
    {
        var lazy = new Lazy<int>(static () => throw new InvalidOperationException());
        Assert.That(() => lazy.Value, Throws.InvalidOperationException);
        return lazy;
    }

    private static Node Cycle()
    {
        var node = new Node { Name = "n" };
        node.Next = node;
        return node;
    }

    private static List<object> ListInItself()
    {
        var list = new List<object>();
        list.Add(list);
        return list;
    }

    private static object Shared()
    {
        var node = new Node { Name = "s" };
        return new { a = node, b = node };
    }

    private static Node Deep(int depth) => new() { Name = "n", Next = depth == 0 ? null : Deep(depth - 1) };

    private static Dictionary<string, object?> DeepDictionary(int depth) =>
        new() { ["d"] = depth == 0 ? null : DeepDictionary(depth - 1) };

    private static Fork Diamond(int steps) => steps == 0 ? new Fork() : Both(Diamond(steps - 1));

    private static Fork Both(Fork fork) => new() { Left = fork, Right = fork };

    private static Dictionary<string, object> DiamondOfDictionaries(int steps)
    {
        var inner = steps == 0 ? [] : DiamondOfDictionaries(steps - 1);
        return new() { ["left"] = inner, ["right"] = inner };
    }

    private static ExpandoObject Expando()
    {
        dynamic expando = new ExpandoObject();
        expando.a = 1;
        expando.b = new[] { 2 };
        return expando;
    }

    private static IEnumerable<int> Numbers()
    {
        yield return 1;
        Assert.Fail("The sequence was read.");
    }

    private static async IAsyncEnumerable<int> Later()
    {
        await Task.Yield();
        Assert.Fail("The sequence was read.");
        yield return 1;
    }

    internal readonly record struct Point(int X, int Y);

    internal sealed record Record(string Name)
    {
        public List<int>? More { get; init; }
    }

    internal sealed class Fields
    {
        public int A;
        public string? B;
    }

    internal sealed class Attributed
    {
        [JsonPropertyName("renamed")]
        public int Original { get; } = 1;

        [JsonIgnore]
        public int Hidden { get; } = 2;

        [JsonNumberHandling(JsonNumberHandling.WriteAsString)]
        public int Number { get; } = 2;

        [JsonConverter(typeof(LevelAsNumber))]
        public Level Level { get; } = Level.High;
    }

    internal sealed class LevelAsNumber : JsonConverter<Level>
    {
        public override Level Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Level value, JsonSerializerOptions options) =>
            writer.WriteNumberValue((int)value);
    }

    internal sealed class WithExtension
    {
        public int Known { get; set; }

        [JsonExtensionData]
        public Dictionary<string, JsonElement>? More { get; set; }
    }

    internal class Animal
    {
        public string? Name { get; set; }
    }

    internal sealed class Dog : Animal
    {
        public bool Barks { get; set; }
    }

    internal sealed class Container
    {
        public Animal? Item { get; set; }
    }

    internal interface IShape;

    internal sealed class Circle : IShape
    {
        public int R { get; set; }
    }

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
    [JsonDerivedType(typeof(Square), "square")]
    internal abstract class Figure;

    internal sealed class Square : Figure
    {
        public int Side { get; set; }
    }

    internal sealed class Throwing
    {
        public int Before => 1;

        public string Bad => throw new InvalidOperationException();

        public int After => 2;
    }

    internal sealed class Colliding
    {
        public string Q { get; } = "kept";

        public int Id { get; } = 1;

#pragma warning disable IDE1006 // The name is what is tested.
        public int id { get; } = 2;
#pragma warning restore IDE1006
    }

    [JsonConverter(typeof(Converter<BadConverted>))]
    internal sealed class BadConverted : IConverts
    {
        public void Write(Utf8JsonWriter writer) => throw new InvalidOperationException();
    }

    [JsonConverter(typeof(Converter<HalfConverted>))]
    internal sealed class HalfConverted : IConverts
    {
        public void Write(Utf8JsonWriter writer) => writer.WriteStartObject();
    }

    [JsonConverter(typeof(Converter<RawConverted>))]
    internal sealed class RawConverted : IConverts
    {
        public void Write(Utf8JsonWriter writer) => writer.WriteRawValue("{oops", skipInputValidation: true);
    }

    [JsonConverter(typeof(Converter<Converted>))]
    internal sealed class Converted : IConverts
    {
        public void Write(Utf8JsonWriter writer) => writer.WriteStringValue("by the converter");
    }

    internal interface IConverts
    {
        void Write(Utf8JsonWriter writer);
    }

    internal sealed class Converter<T> : JsonConverter<T>
        where T : IConverts
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => value.Write(writer);
    }

    internal sealed class Node
    {
        public string? Name { get; set; }

        public Node? Next { get; set; }
    }

    internal sealed class Fork
    {
        public Fork? Left { get; set; }

        public Fork? Right { get; set; }
    }

    internal sealed class Dynamic : DynamicObject
    {
        public int Declared => 1;

        public override bool TryGetMember(GetMemberBinder binder, out object? result) => throw new InvalidOperationException();
    }

    internal sealed class Callbacks : IJsonOnSerializing
    {
        public string? Value { get; set; }

        public void OnSerializing() => Value = "set by OnSerializing";
    }

    internal sealed class Ignoring
    {
        public int Kept => 1;

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Null => null;

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
        public int Zero => 0;
    }

    internal sealed class Ordered
    {
        [JsonPropertyOrder(2)]
        public int Second => 2;

        [JsonPropertyOrder(1)]
        public int First => 1;
    }

    internal sealed class WithInclude
    {
        [JsonInclude]
        internal int Visible => 1;

        internal int Invisible => 2;
    }

    internal class Base0
    {
        public int Base { get; set; }
    }

    internal sealed class Derived : Base0
    {
        public int Own { get; set; }
    }

    internal sealed class Indexed
    {
        public int A => 1;

        public int this[int i] => throw new InvalidOperationException();
    }

    internal sealed class WriteOnly
    {
        private int _b;

        public int A => 1;

        public int B
        {
            set => _b = value + Private;
        }

        private int Private => _b;
    }

    internal sealed class WithSpan
    {
        public string Q { get; } = "kept";

        public ReadOnlySpan<char> Span => Q;
    }

    internal sealed class WithReference
    {
        private int _value;

        public string Q { get; } = "kept";

        public ref int Reference => ref _value;
    }

    internal sealed class SameNames
    {
        [JsonPropertyName("same")]
        public int A { get; } = 1;

        [JsonPropertyName("same")]
        public int B { get; } = 2;
    }

    internal sealed class TwoConstructors
    {
        [JsonConstructor]
        public TwoConstructors()
        {
        }

        [JsonConstructor]
        public TwoConstructors(int a) => A = a;

        public int A { get; } = 1;
    }

    internal sealed class WrongConverter
    {
        [JsonConverter(typeof(LevelAsNumber))]
        public int A { get; } = 1;
    }

    internal sealed class TwoExtensions
    {
        [JsonExtensionData]
        public Dictionary<string, object>? A { get; set; }

        [JsonExtensionData]
        public Dictionary<string, object>? B { get; set; }
    }

    internal sealed class MyLazy() : Lazy<int>(static () => 1);
}
