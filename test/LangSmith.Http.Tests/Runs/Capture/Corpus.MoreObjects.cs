using System.Diagnostics.CodeAnalysis;
using System.Dynamic;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

#pragma warning disable CA1822 // A member of an instance is what is tested.

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>More shapes of objects: members of all kinds, getters that throw, what is inside itself, what is dynamic.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> MoreObjects =>
    [
        Json(new object(), "{}", "object"), Json(new { }, "{}", "empty anonymous object"),
        Json(new { a = (object?)null }, "{\"a\":null}", "null member"),
        Json(new { Q = "q", URL = "u", iD = 1, X1 = 2 }, "{\"q\":\"q\",\"url\":\"u\",\"iD\":1,\"x1\":2}", "names in camel case"),
        Json((1, 2, 3, 4, 5, 6, 7, 8), "", "tuple of eight")
            with
            {
                Json = null,
                IsAsExpected = static json => json.StartsWith("{\"item1\":1,\"item2\":2,", StringComparison.Ordinal)
                    && json.Contains('8'),
            },
        Json(default(ValueTuple), "{}", "empty tuple"),
        Json(
            ((1, "a"), (2, "b")), "{\"item1\":{\"item1\":1,\"item2\":\"a\"},\"item2\":{\"item1\":2,\"item2\":\"b\"}}",
                "tuples in a tuple"),
        Json(new List<(string Name, int Count)> { ("n", 1) }, "[{\"item1\":\"n\",\"item2\":1}]", "list of tuples"),
        Json(new Dictionary<string, (int, int)> { ["a"] = (1, 2) }, "{\"a\":{\"item1\":1,\"item2\":2}}", "dictionary of tuples"),
        Json((1, (object)new Lazy<int>(static () => 1)), "{\"item1\":1,\"item2\":\"Lazy<Int32>\"}", "tuple with a Lazy"),
        Json(Tuple.Create(1, Tuple.Create("a")), "{\"item1\":1,\"item2\":{\"item1\":\"a\"}}", "reference tuples"),
        Json(new ReadOnlyField(3), "{\"value\":3}", "read-only field"),
        Json(new PlainStruct { A = 1, B = new PlainInner { C = 2 } }, "{\"a\":1,\"b\":{\"c\":2}}", "struct of fields"),
        Json(new WithStatics(), "{\"own\":1}", "statics and constants"), Json(new Explicit(), "{\"own\":1}", "explicit interface member"),
        Json(new Shadowing { Value = 1 }, "{\"value\":1}", "shadowed member"),
        Json(new Overriding(), "{\"value\":\"overridden\"}", "overridden member"),
        Json(new Generic<int, string> { First = 1, Second = "a" }, "{\"first\":1,\"second\":\"a\"}", "generic object"),
        Json(new Required { Name = "n" }, "{\"name\":\"n\"}", "required member"),
        Json(new PrivateGetter(), "{\"a\":1}", "private getter"),
        Json(new IgnoredField { A = 1, B = 2 }, "{\"a\":1}", "ignored field"),
        Json(new MemberConverter(), "{\"level\":\"HIGH\"}", "converter of a member"),
        Json(new AlwaysIgnored(), "{}", "all members ignored"),
        Json(new RenamedToOdd(), "{\"a \\\"b\\\"\":1,\"\":2}", "odd names by attribute"),
        Json(new NumberAsText(), "{\"value\":\"1\"}", "number handling of a type"),
        Json(new WithNode { More = new JsonObject { ["x"] = 1 } }, "{\"known\":1,\"x\":1}", "extension data as JsonObject"),
        Json(
            new WithOddExtension { More = new() { ["e"] = Endless(), ["l"] = new Lazy<int>(static () => 1) } },
            "{\"e\":\"Endless\",\"l\":\"Lazy<Int32>\"}", "extension data of odd values"),
        Json(new Nullable1 { Point = new Point(1, 2), None = null }, "{\"point\":{\"x\":1,\"y\":2},\"none\":null}", "nullable struct"),
        Json(new { a = new { b = new { c = 1 } } }, "{\"a\":{\"b\":{\"c\":1}}}", "anonymous in anonymous"),
        Json(new Uninitialised(), "{\"a\":0,\"b\":null}", "default members"),
        Json(new InterfaceDefault(), "{\"own\":1}", "default interface member"),
        Json(new Leaf { Name = "l" }, "{\"kind\":\"leaf\",\"name\":\"l\"}", "derived type of declared polymorphism, as itself")
            with { Json = null, IsAsExpected = static json => json is "{\"name\":\"l\"}" or "{\"kind\":\"leaf\",\"name\":\"l\"}" },
        Json(
            new List<Tree> { new Leaf { Name = "l" }, new Branch { Children = [new Leaf { Name = "m" }] } },
            "[{\"kind\":\"leaf\",\"name\":\"l\"},{\"kind\":2,\"children\":[{\"kind\":\"leaf\",\"name\":\"m\"}]}]",
            "discriminators of both kinds"),
        Json(new Tree[] { new Unknown() }, "[\"Unknown\"]", "derived type that is not declared"),
        Json(
            new { q = "kept", t = (Tree)new Unknown() }, "{\"q\":\"kept\",\"t\":\"Unknown\"}",
            "derived type that is not declared, in a member"),
        Json(
            new Dictionary<string, Animal> { ["a"] = new Dog { Name = "d", Barks = true } }, "{\"a\":{\"barks\":true,\"name\":\"d\"}}",
            "dictionary of a base"),
        Json(new Animal[] { new Dog { Name = "d" } }, "[{\"barks\":false,\"name\":\"d\"}]", "array of a base"),
        Json(new List<IShape> { new Circle { R = 1 } }, "[{\"r\":1}]", "list of an interface"),
        Json(new { any = (IComparable)5, text = (IConvertible)"t" }, "{\"any\":5,\"text\":\"t\"}", "numbers and text as interfaces"),
        Json(
            new { list = (object)new List<Animal> { new Dog { Name = "d" } } }, "{\"list\":[{\"barks\":false,\"name\":\"d\"}]}",
            "list of a base as object"),

        Json(
            new ManyThrow(),
            "{\"a\":\"(threw NotImplementedException)\",\"b\":\"(threw OopsException)\",\"c\":1,\"d\":\"(threw NullReferenceException)\"}",
            "getters that throw"),
        Json(new ThrowsGeneric(), "{\"a\":\"(threw Oops<Int32>)\"}", "getter that throws a generic exception"),
        Json(
            new List<object> { new Throwing(), 1 }, "[{\"before\":1,\"bad\":\"(threw InvalidOperationException)\",\"after\":2},1]",
            "getter that throws in a list"),
        Json(
            new Dictionary<string, Throwing> { ["a"] = new(), ["b"] = new() },
            "{\"a\":{\"before\":1,\"bad\":\"(threw InvalidOperationException)\",\"after\":2},"
                + "\"b\":{\"before\":1,\"bad\":\"(threw InvalidOperationException)\",\"after\":2}}",
            "getter that throws in a dictionary"),
        Json(new ThrowingStruct(), "{\"a\":1,\"bad\":\"(threw InvalidOperationException)\"}", "getter of a struct that throws"),
        Json(new VirtualThrowing(), "{\"value\":\"(threw InvalidOperationException)\"}", "overridden getter that throws"),
        Json(new ThrowingInclude(), "{\"a\":\"(threw InvalidOperationException)\",\"b\":1}", "included getter that throws"),
        Json(new CancelledGetter(), "{\"a\":\"(threw OperationCanceledException)\",\"b\":1}", "getter that is cancelled"),
        Json(new HostileObject(), "{\"own\":1}", "Equals, GetHashCode and ToString that throw"),
        Json(
            new { q = "kept", items = new object[] { new HostileObject(), new HostileObject() } },
            "{\"q\":\"kept\",\"items\":[{\"own\":1},{\"own\":1}]}", "hostile objects in an array"),
        Expect(
            "getter of a type whose initializer throws", static () => new { q = "kept", s = new UsesBadStatic() },
            static json => json is "{\"q\":\"kept\",\"s\":{\"value\":\"(threw TypeInitializationException)\",\"after\":1}}"),
        Json(new ThrowingCondition(), "{\"b\":2}", "callbacks that throw")
            with
            {
                Json = null,
                IsAsExpected = static json => json.Contains("threw InvalidOperationException", StringComparison.Ordinal)
                    || json == "\"ThrowingCondition\"",
            },

        Json("cycle of two", static () => CycleOf(2), "{\"name\":\"0\",\"next\":{\"name\":\"1\",\"next\":null}}"),
        Json("cycle through a list", static () => CycleThroughList(), "{\"name\":\"n\",\"items\":[null,1]}"),
        Json("dictionary in itself", static () => DictionaryInItself(), "{\"q\":\"kept\",\"self\":null}"),
        Json("array in itself", static () => ArrayInItself(), "[1,null]"),
        Json("ExpandoObject in itself", static () => ExpandoInItself(), "{\"q\":\"kept\",\"self\":null}"),
        Json("boxed struct that holds its holder", static () => StructCycle(), "{\"link\":{\"to\":null}}"),
        Json("same list twice", static () => Twice(new List<int> { 1 }), "{\"a\":[1],\"b\":[1]}"),
        Json("same text twice", static () => Twice("t"), "{\"a\":\"t\",\"b\":\"t\"}"),
        Json(
            "equal records", static () =>
                new Chain("a", new Chain("a", null)), "{\"name\":\"a\",\"next\":{\"name\":\"a\",\"next\":null}}"),
        Json("same object in a list", static () => SameInList(), "[{\"name\":\"s\",\"next\":null},{\"name\":\"s\",\"next\":null}]"),
        Json("depth of 60", static () => new { q = "kept", deep = Deep(60) }, "")
            with { Json = null, IsAsExpected = static json => json.Contains("\"q\":\"kept\"", StringComparison.Ordinal) && !IsCut(json) },
        Cut("depth of lists", static () => new { q = "kept", deep = DeepList(100) }, "\"q\":\"kept\"", "deeper than 64"),
        Cut("depth of arrays", static () => DeepArray(10_000), "deeper than 64"),
        Cut("depth of 100,000 nodes", static () => LongChain(100_000), "deeper than 64"),
        Cut("depth of JsonArrays", static () =>
            DeepNode(60, 70), "deeper than 64") with { IsAsExpected = static json =>
                CaptureBed.CountValues(System.Text.Encoding.UTF8.GetBytes(json)) > 0 },
        Cut("getter that makes a new object each time", static () => new Endlessly(), "deeper than 64"),
        Cut("two getters that make new objects each time", static () => new EndlesslyTwo()),

        Json("nested ExpandoObject", static () => NestedExpando(), "{\"a\":{\"b\":{\"c\":1}},\"e\":\"Endless\"}"),
        Json(new ExpandoObject(), "{}", "empty ExpandoObject"),
        Json(new { q = "kept", d = (object)Expando() }, "{\"q\":\"kept\",\"d\":{\"a\":1,\"b\":[2]}}", "ExpandoObject in a member"),
        Json(new DynamicDictionary(), "{\"count\":0}", "DynamicObject over a dictionary"),

        Json("Lazy of a list", static () => CreatedLazy(new List<int> { 1 }), "[1]"),
        Json("Lazy of null", static () => CreatedLazy<string?>(null), "null"),
        Json("Lazy of an endless sequence", static () => CreatedLazy(Endless()), "\"Endless\""),
        Json("Lazy of a Lazy", static () => CreatedLazy(new Lazy<int>(static () => Fails(1) ? 1 : 0)), "\"Lazy<Int32>\""),
        Json("Lazy of a value", static () => new Lazy<int>(5), "5"),
        Json("Lazy that holds itself", static () => LazyInItself(), "{\"lazy\":null}")
            with { Json = null, IsAsExpected = static json => json.Length < 200 },
        Json(
            "Lazy by its constructor", static () => new Lazy<Untouchable>(), "\"Lazy<Untouchable>\"",
            static value => !((Lazy<Untouchable>)value!).IsValueCreated),
        Json(
            "Lazy in a dictionary", static () => new Dictionary<string, Lazy<int>> { ["l"] = new(static () => Fails(1) ? 1 : 0) },
            "{\"l\":\"Lazy<Int32>\"}"),
        Json("Lazy in an array", static () => new[] { new Lazy<int>(static () => Fails(1) ? 1 : 0) }, "[\"Lazy<Int32>\"]"),
        Json(
            "Lazy in a record", static () => new WithLazy(new Lazy<string>(static () => Fails(1) ? "" : ""), 1),
            "{\"lazy\":\"Lazy<String>\",\"n\":1}"),
        Json(
            "Lazy in a tuple", static () => (new Lazy<int>(static () => Fails(1) ? 1 : 0), 1), "{\"item1\":\"Lazy<Int32>\",\"item2\":1}"),
        Json(
            "Lazy of a task", static () => new Lazy<Task<int>>(static () => throw new InvalidOperationException("forced")),
            "\"Lazy<Task<Int32>>\""),
    ];

    private static object Twice(object item) => new { a = item, b = item };

    private static List<Node> SameInList()
    {
        var node = new Node { Name = "s" };
        return [node, node];
    }

    private static Node CycleOf(int count)
    {
        var nodes = Enumerable.Range(0, count).Select(static i => new Node { Name = $"{i}" }).ToArray();
        for (var i = 0; i < count; i++)
            nodes[i].Next = nodes[(i + 1) % count];
        return nodes[0];
    }

    private static WithItems CycleThroughList()
    {
        var holder = new WithItems { Name = "n" };
        holder.Items.AddRange([holder, 1]);
        return holder;
    }

    private static Dictionary<string, object> DictionaryInItself()
    {
        var map = new Dictionary<string, object> { ["q"] = "kept" };
        map["self"] = map;
        return map;
    }

    private static object[] ArrayInItself()
    {
        var array = new object[] { 1, 2 };
        array[1] = array;
        return array;
    }

    private static ExpandoObject ExpandoInItself()
    {
        var expando = new ExpandoObject();
        IDictionary<string, object?> members = expando;
        members["q"] = "kept";
        members["self"] = expando;
        return expando;
    }

    private static Linked StructCycle()
    {
        var linked = new Linked();
        linked.Link = new Link { To = linked };
        return linked;
    }

    private static object DeepList(int depth) => depth == 0 ? 1 : new List<object> { DeepList(depth - 1) };

    private static object DeepArray(int depth)
    {
        object inner = 1;
        for (var i = 0; i < depth; i++)
            inner = new[] { inner };
        return inner;
    }

    private static Node LongChain(int length)
    {
        var node = new Node { Name = "last" };
        for (var i = 0; i < length; i++)
            node = new Node { Name = "n", Next = node };
        return node;
    }

    private static object DeepNode(int inNodes, int inObjects)
    {
        JsonNode node = JsonValue.Create(1);
        for (var i = 0; i < inNodes; i++)
            node = new JsonArray(node);
        object deep = node;
        for (var i = 0; i < inObjects; i++)
            deep = new List<object> { deep };
        return deep;
    }

    private static ExpandoObject NestedExpando()
    {
        dynamic c = new ExpandoObject();
        c.c = 1;
        dynamic b = new ExpandoObject();
        b.b = c;
        dynamic a = new ExpandoObject();
        a.a = b;
        a.e = Endless();
        return a;
    }

    private static Lazy<T> CreatedLazy<T>(T value)
    {
        var lazy = new Lazy<T>(() => value);
        _ = lazy.Value;
        return lazy;
    }

    private static LazySelf LazyInItself()
    {
        var self = new LazySelf();
        _ = self.Lazy.Value;
        return self;
    }

    internal sealed class LazySelf
    {
        internal LazySelf() => Lazy = new Lazy<LazySelf>(() => this);

        public Lazy<LazySelf> Lazy { get; }
    }

    internal sealed class ReadOnlyField(int value)
    {
        public readonly int Value = value;
    }

    internal struct PlainStruct
    {
        public int A;
        public PlainInner B;
    }

    internal struct PlainInner
    {
        public int C;
    }

    internal sealed class WithStatics
    {
        public const int Constant = 1;

        public static int Static => throw new InvalidOperationException();

        public int Own => 1;
    }

    internal interface IHasHidden
    {
        int Hidden { get; }
    }

    internal sealed class Explicit : IHasHidden
    {
        public int Own => 1;

        int IHasHidden.Hidden => throw new InvalidOperationException();
    }

    internal class Shadowed
    {
        public string Value => throw new InvalidOperationException();
    }

    internal sealed class Shadowing : Shadowed
    {
        public new int Value { get; set; }
    }

    internal class Overridden
    {
        public virtual string Value => "base";
    }

    internal sealed class Overriding : Overridden
    {
        public override string Value => "overridden";
    }

    internal sealed class VirtualThrowing : Overridden
    {
        public override string Value => throw new InvalidOperationException();
    }

    internal sealed class Generic<TFirst, TSecond>
    {
        public TFirst? First { get; set; }

        public TSecond? Second { get; set; }
    }

    internal sealed class Required
    {
        public required string Name { get; init; }
    }

    internal sealed class PrivateGetter
    {
        public int A => 1;

        public int B { private get; set; } = 2;
    }

    internal sealed class IgnoredField
    {
        public int A;

        [JsonIgnore]
        public int B;
    }

    internal sealed class MemberConverter
    {
        [JsonConverter(typeof(UpperCase))]
        public Level Level => Level.High;
    }

    internal sealed class UpperCase : JsonConverter<Level>
    {
        public override Level Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Level value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString().ToUpperInvariant());
    }

    internal sealed class AlwaysIgnored
    {
        [JsonIgnore]
        public int A => throw new InvalidOperationException();
    }

    internal sealed class RenamedToOdd
    {
        [JsonPropertyName("a \"b\"")]
        public int A => 1;

        [JsonPropertyName("")]
        public int B => 2;
    }

    [JsonNumberHandling(JsonNumberHandling.WriteAsString)]
    internal sealed class NumberAsText
    {
        public int Value => 1;
    }

    internal sealed class WithNode
    {
        public int Known { get; } = 1;

        [JsonExtensionData]
        public JsonObject? More { get; set; }
    }

    internal sealed class WithOddExtension
    {
        [JsonExtensionData]
        public Dictionary<string, object>? More { get; set; }
    }

    internal sealed class Nullable1
    {
        public Point? Point { get; set; }

        public Point? None { get; set; }
    }

    internal sealed class Uninitialised
    {
        public int A { get; set; }

        public string? B { get; set; }
    }

    internal interface IHasDefault
    {
        int Default => throw new InvalidOperationException();
    }

    internal sealed class InterfaceDefault : IHasDefault
    {
        public int Own => 1;
    }

    [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
    [JsonDerivedType(typeof(Leaf), "leaf")]
    [JsonDerivedType(typeof(Branch), 2)]
    internal abstract class Tree;

    internal sealed class Leaf : Tree
    {
        public string? Name { get; set; }
    }

    internal sealed class Branch : Tree
    {
        public List<Tree> Children { get; set; } = [];
    }

    internal sealed class Unknown : Tree;

    internal sealed class OopsException : Exception;

    internal sealed class ManyThrow
    {
        public int A => throw new NotImplementedException();

        public string B => throw new OopsException();

        public int C => 1;

        [SuppressMessage("Usage", "CA2201:Do not raise reserved exception types", Justification = "What bad code does.")]
        public int D => throw new NullReferenceException();
    }

    internal sealed class ThrowsGeneric
    {
        public int A => throw new Oops<int>("");
    }

    internal struct ThrowingStruct
    {
        public readonly int A => 1;

        public readonly int Bad => throw new InvalidOperationException();
    }

    internal sealed class ThrowingInclude
    {
        [JsonInclude]
        internal int A => throw new InvalidOperationException();

        public int B => 1;
    }

    internal sealed class CancelledGetter
    {
        public int A => throw new OperationCanceledException();

        public int B => 1;
    }

    internal sealed class HostileObject
    {
        public int Own => 1;

        public override bool Equals(object? obj) => throw new InvalidOperationException();

        public override int GetHashCode() => throw new InvalidOperationException();

        public override string ToString() => throw new InvalidOperationException();
    }

    internal static class BadStatic
    {
        internal static readonly int Value = Fails(0) ? 1 : 0;
    }

    internal sealed class UsesBadStatic
    {
        public int Value => BadStatic.Value;

        public int After => 1;
    }

    internal sealed class ThrowingCondition : IJsonOnSerializing
    {
        public int B => 2;

        public void OnSerializing() => throw new InvalidOperationException();
    }

    internal sealed class WithItems
    {
        public string? Name { get; set; }

        public List<object> Items { get; } = [];
    }

    internal sealed class Linked
    {
        public Link Link { get; set; }
    }

    internal struct Link
    {
        public Linked? To { get; set; }
    }

    internal sealed record Chain(string Name, Chain? Next);

    internal sealed class Endlessly
    {
        public Endlessly Next => new();
    }

    internal sealed class EndlesslyTwo
    {
        public EndlesslyTwo Left => new();

        public EndlesslyTwo Right => new();
    }

    internal sealed class DynamicDictionary : DynamicObject
    {
        public int Count => 0;

        public override bool TryGetMember(GetMemberBinder binder, out object? result) => throw new InvalidOperationException();

        public override IEnumerable<string> GetDynamicMemberNames() => throw new InvalidOperationException();
    }

    internal sealed class Untouchable
    {
        [SuppressMessage("Design", "CA1065:Do not raise exceptions in unexpected locations", Justification = "It is not to be called.")]
        public Untouchable() => throw new InvalidOperationException();
    }

    internal sealed record WithLazy(Lazy<string> Lazy, int N);
}
