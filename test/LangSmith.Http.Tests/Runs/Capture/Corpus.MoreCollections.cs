using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;

#pragma warning disable CA1822 // A member of an instance is what is tested.

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Collections of the list in odd states, their subclasses and wrappers, and keys of all kinds.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> MoreCollections =>
    [
        Json(Array.Empty<int>(), "[]", "empty array"), Json(new string?[] { null, "a" }, "[null,\"a\"]", "array with null"),
        Json(new int?[] { 1, null }, "[1,null]", "nullable numbers"),
        Json(new List<List<int>> { new() { 1 }, new() }, "[[1],[]]", "list of lists"),
        Json(new[] { new { a = 1 }, new { a = 2 } }, "[{\"a\":1},{\"a\":2}]", "array of anonymous objects"),
        Json(new object[] { new[] { 1 }, Endless(), "a" }, "[[1],\"Endless\",\"a\"]", "endless in an array"),
        Json(new int[2, 2], "\"Int32[,]\"", "two dimensions"),
        Json(new List<int[,]> { new int[1, 1] }, "[\"Int32[,]\"]", "two dimensions in a list"),
        Expect(
            "array from 1", static () => Array.CreateInstance(typeof(int), [2], [1]),
            static json => json is "[0,0]" or "\"Int32[]\"" or "\"Int32[*]\""),
        Expect("default ImmutableArray", static () => default(ImmutableArray<int>), static json => json.Length < 100),
        Expect(
            "default ImmutableArray in a member", static () => new { q = "kept", a = default(ImmutableArray<int>), after = 1 },
            static json => json.StartsWith("{\"q\":\"kept\",\"a\":", StringComparison.Ordinal)
                && json.EndsWith(",\"after\":1}", StringComparison.Ordinal)),
        Expect(
            "default ArraySegment in a member", static () => new { q = "kept", a = default(ArraySegment<int>), after = 1 },
            static json => json.StartsWith("{\"q\":\"kept\",\"a\":", StringComparison.Ordinal)
                && json.EndsWith(",\"after\":1}", StringComparison.Ordinal)),
        Json(ArraySegment<byte>.Empty, "", "ArraySegment of bytes")
            with { Json = null, IsAsExpected = static json => json is "[]" or "\"\"" },
        Json(new HashSet<object> { 1, "a" }, "[1,\"a\"]", "HashSet of objects"),
        Json(new SortedSet<string> { "b", "a" }, "[\"a\",\"b\"]", "SortedSet of texts"),
        Json(new Queue<object>([1, new { a = 1 }]), "[1,{\"a\":1}]", "Queue of objects"),
        Json(ImmutableArray.Create<object>(1, "a"), "[1,\"a\"]", "ImmutableArray of objects"),
        Json(ImmutableList<int>.Empty, "[]", "empty ImmutableList"),
        Json(ImmutableArray.CreateBuilder<int>(), "\"Builder<Int32>\"", "ImmutableArray's builder")
            with { Json = null, IsAsExpected = static json => json.StartsWith("\"Builder", StringComparison.Ordinal) },
        Json(FrozenSet<int>.Empty, "[]", "empty FrozenSet"),
        Json(new[] { 1, 2, 3 }.ToFrozenDictionary(static i => i, static i => $"{i}"), "", "FrozenDictionary of numbers")
            with { Json = null, IsAsExpected = static json => Parse(json).GetProperty("2").GetString() == "2" },
        Json(new ConcurrentBag<object> { new { a = 1 } }, "[{\"a\":1}]", "ConcurrentBag of objects"),
        Json(new BitArray(0), "[]", "empty BitArray"),
        Json(new ArrayList { new ArrayList { 1 }, null }, "[[1],null]", "ArrayList in an ArrayList"),
        Json(new ReadOnlyObservableCollection<int>([1]), "[1]", "ReadOnlyObservableCollection"),
        Json(new ReadOnlyCollection<int>(new List<int> { 1 }), "[1]", "ReadOnlyCollection over a list"),
        Json(new ReadOnlyCollection<int>(new Collection<int>(new List<int> { 1 })), "[1]", "wrapper of a wrapper over a list"),
        Json(new Collection<int>(new Anew { 1 }), "\"Collection<Int32>\"", "Collection over a list that is anew"),
        Json(
            new ObservableCollection<Animal> { new Dog { Name = "d" } }, "[{\"barks\":false,\"name\":\"d\"}]",
            "ObservableCollection of a base"),
        Json(
            new ReadOnlyDictionary<string, int>(new OwnDictionary()), "\"ReadOnlyDictionary<String,Int32>\"",
            "ReadOnlyDictionary over its own kind"),
        Json(
            new { q = "kept", c = new Collection<int>(new Unlisted()) }, "{\"q\":\"kept\",\"c\":\"Collection<Int32>\"}",
            "unlisted wrapper in a member"),
        Json(new OwnDictionary(), "\"OwnDictionary\"", "own IDictionary"),
        Json(new { q = "kept", d = new OwnDictionary() }, "{\"q\":\"kept\",\"d\":\"OwnDictionary\"}", "own IDictionary in a member"),
        Json(
            new { d = (IReadOnlyDictionary<string, int>)new OwnReadOnlyDictionary() }, "{\"d\":\"OwnReadOnlyDictionary\"}",
            "own IReadOnlyDictionary"),
        Json(new OwnOldList(), "\"OwnOldList\"", "own IList of objects"),
        Json(new OwnStruct(), "\"OwnStruct\"", "own sequence as a struct"),
        Json(new MyDictionary { ["a"] = 1 }, "{\"a\":1}", "subclass of Dictionary"), Json(new MySet { 1 }, "[1]", "subclass of HashSet"),
        Json(new MyCollection { 1 }, "[1]", "subclass of Collection"), Json(new MyDeep { 1 }, "[1]", "subclass of a subclass"),
        Json(new MyDictionaryAnew { ["a"] = 1 }, "\"MyDictionaryAnew\"", "subclass of Dictionary that is anew"),
        Json(new MyDeepAnew { 1 }, "\"MyDeepAnew\"", "subclass of a subclass that is anew"),
        Json(new AnewBelow { 1 }, "\"AnewBelow\"", "subclass of one that is anew"),
        Json(new HidesEnumerator { 1 }, "[1]", "subclass that hides GetEnumerator"),
        Json(new MyConcurrent { ["a"] = 1 }, "{\"a\":1}", "subclass of ConcurrentDictionary"),
        Json(new { q = "kept", list = new CountThrows { 1 } }, "{\"q\":\"kept\",\"list\":[1]}", "subclass of List whose Count throws"),
        Json(new WithMembers { 1 }, "[1]", "subclass of List with members"),
        Json(new { list = new MyList { 1 } }, "{\"list\":[1]}", "subclass of List in a member"),
        Json(new SortedDictionary<int, string> { [2] = "b", [1] = "a" }.Keys, "", "keys of a SortedDictionary")
            with { Json = null, IsAsExpected = static json => json is "[1,2]" or "\"KeyCollection<Int32,String>\"" },
        Json(new List<int> { 1 }.GetEnumerator(), "\"Enumerator<Int32>\"", "List's enumerator"),
        Json(new Dictionary<string, int> { ["a"] = 1 }.GetEnumerator(), "\"Enumerator<String,Int32>\"", "Dictionary's enumerator"),
        Json(new PriorityQueue<string, int>([("a", 1)]), "\"PriorityQueue<String,Int32>\"", "PriorityQueue with an element"),
        Json(
            new { q = "kept", p = new PriorityQueue<int, int>() }, "{\"q\":\"kept\",\"p\":\"PriorityQueue<Int32,Int32>\"}",
            "PriorityQueue in a member"),
        Json(OneTwo.ToLookup(static i => i % 2), "\"Lookup<Int32,Int32>\"", "Lookup by its name")
            with { Json = null, IsAsExpected = static json => json.Contains("Lookup<Int32,Int32>\"", StringComparison.Ordinal) },

        Json(new Dictionary<char, int> { ['a'] = 1 }, "{\"a\":1}", "char keys"),
        Json(new Dictionary<byte, int> { [1] = 1 }, "{\"1\":1}", "byte keys"),
        Json(new Dictionary<long, int> { [-1] = 1 }, "{\"-1\":1}", "long keys"),
        Json(new Dictionary<decimal, int> { [1.50m] = 1 }, "{\"1.50\":1}", "decimal keys"),
        Json(new Dictionary<double, int> { [0.5] = 1 }, "{\"0.5\":1}", "double keys"),
        Json(new Dictionary<TimeSpan, int> { [TimeSpan.Zero] = 1 }, "{\"00:00:00\":1}", "TimeSpan keys"),
        Json(
            new Dictionary<DateTime, int> { [new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc)] = 1 }, "{\"2026-01-02T00:00:00Z\":1}",
            "DateTime keys"),
        Json(
            new Dictionary<DateTimeOffset, int> { [new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero)] = 1 },
            "{\"2026-01-02T00:00:00+00:00\":1}", "DateTimeOffset keys"),
        Json(new Dictionary<TimeOnly, int> { [new TimeOnly(1, 2)] = 1 }, "{\"01:02:00\":1}", "TimeOnly keys"),
        Json(new Dictionary<Uri, int> { [new Uri("https://a.example/")] = 1 }, "{\"https://a.example/\":1}", "Uri keys"),
        Json(new Dictionary<Version, int> { [new Version(1, 2)] = 1 }, "{\"1.2\":1}", "Version keys"),
        Json(
            new Dictionary<Rights, int> { [Rights.Read | Rights.Write] = 1, [(Rights)8] = 2 }, "{\"Read, Write\":1,\"8\":2}",
                "flags keys"),
        Json(new Dictionary<(int, int), int> { [(1, 2)] = 1 }, "\"Dictionary<ValueTuple<Int32,Int32>,Int32>\"", "tuple keys"),
        Json(new Dictionary<Point, int>(), "\"Dictionary<Point,Int32>\"", "struct keys, empty")
            with { Json = null, IsAsExpected = static json => json is "{}" or "\"Dictionary<Point,Int32>\"" },
        Json(new Dictionary<Node, int> { [new Node()] = 1 }, "\"Dictionary<Node,Int32>\"", "object keys"),
        Json(new Dictionary<Type, int> { [typeof(int)] = 1 }, "\"Dictionary<Type,Int32>\"", "Type keys"),
        Json(new { q = "kept", d = new Dictionary<byte[], int>() }, "", "byte[] keys")
            with { Json = null, IsAsExpected = static json => json.StartsWith("{\"q\":\"kept\",\"d\":", StringComparison.Ordinal) },
        Json(
            new Dictionary<string, int> { ["a"] = 1, ["A"] = 2, [""] = 3, ["PascalCase"] = 4 },
            "{\"a\":1,\"A\":2,\"\":3,\"PascalCase\":4}", "keys are not renamed"),
        Json(new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase) { ["A"] = 1 }, "{\"A\":1}", "comparer"),
        Json(
            new Dictionary<string, string?> { ["\ud800"] = "\udc00", ["\u0001"] = null }, "{\"\\uFFFD\":\"\\uFFFD\",\"\\u0001\":null}",
            "keys of bad text"),
        Json(
            new Dictionary<string, object> { ["q"] = "kept", ["t"] = new Dictionary<(int, int), int> { [(1, 2)] = 1 } },
            "{\"q\":\"kept\",\"t\":\"Dictionary<ValueTuple<Int32,Int32>,Int32>\"}", "tuple keys in a dictionary"),
        Json(ImmutableDictionary<int, Level>.Empty.Add(1, Level.High), "{\"1\":\"High\"}", "ImmutableDictionary of enums"),
        Json(new Hashtable(), "{}", "empty Hashtable"),
        Json(new SortedList { ["b"] = 1, ["a"] = 2 }, "{\"a\":2,\"b\":1}", "old SortedList"),
        Json(
            new Dictionary<string, Dictionary<string, List<int>>> { ["a"] = new() { ["b"] = [1] } }, "{\"a\":{\"b\":[1]}}",
            "dictionary of dictionaries"),
#if NET9_0_OR_GREATER
        Json(new OrderedDictionary<string, int> { ["b"] = 1, ["a"] = 2 }, "{\"b\":1,\"a\":2}", "generic OrderedDictionary"),
        Json(new ReadOnlySet<int>(new HashSet<int> { 1 }), "[1]", "ReadOnlySet"),
        Json(new ReadOnlySet<int>(new OwnSet()), "\"ReadOnlySet<Int32>\"", "ReadOnlySet over its own kind"),
#endif
        Json(new ReadOnlyMemory<byte>([1, 2, 3]), "\"AQID\"", "ReadOnlyMemory of bytes"), Json(Memory<int>.Empty, "[]", "empty Memory"),
        Json(
            new ReadOnlyMemory<object>([1, "a", new Lazy<int>(static () => Fails(1) ? 1 : 0)]), "[1,\"a\",\"Lazy<Int32>\"]",
            "ReadOnlyMemory of objects"),
        Json(new { m = new Memory<Animal>([new Dog { Name = "d" }]) }, "{\"m\":[{\"barks\":false,\"name\":\"d\"}]}", "Memory of a base"),
    ];

    internal sealed class OwnDictionary : IDictionary<string, int>
    {
        public ICollection<string> Keys => throw new InvalidOperationException();

        public ICollection<int> Values => throw new InvalidOperationException();

        public int Count => throw new InvalidOperationException();

        public bool IsReadOnly => throw new InvalidOperationException();

        public int this[string key]
        {
            get => throw new InvalidOperationException();
            set => throw new InvalidOperationException();
        }

        public void Add(string key, int value) => throw new InvalidOperationException();

        public void Add(KeyValuePair<string, int> item) => throw new InvalidOperationException();

        public void Clear() => throw new InvalidOperationException();

        public bool Contains(KeyValuePair<string, int> item) => throw new InvalidOperationException();

        public bool ContainsKey(string key) => throw new InvalidOperationException();

        public void CopyTo(KeyValuePair<string, int>[] array, int arrayIndex) => throw new InvalidOperationException();

        public IEnumerator<KeyValuePair<string, int>> GetEnumerator() => throw new InvalidOperationException();

        public bool Remove(string key) => throw new InvalidOperationException();

        public bool Remove(KeyValuePair<string, int> item) => throw new InvalidOperationException();

        public bool TryGetValue(string key, out int value) => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class OwnReadOnlyDictionary : IReadOnlyDictionary<string, int>
    {
        public IEnumerable<string> Keys => throw new InvalidOperationException();

        public IEnumerable<int> Values => throw new InvalidOperationException();

        public int Count => throw new InvalidOperationException();

        public int this[string key] => throw new InvalidOperationException();

        public bool ContainsKey(string key) => throw new InvalidOperationException();

        public bool TryGetValue(string key, out int value) => throw new InvalidOperationException();

        public IEnumerator<KeyValuePair<string, int>> GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class OwnOldList : CollectionBase, IEnumerable
    {
        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    [SuppressMessage("Performance", "CA1815:Override equals and operator equals on value types", Justification = "Not compared.")]
    internal readonly struct OwnStruct : IEnumerable<int>
    {
        public IEnumerator<int> GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class MyDictionary : Dictionary<string, int>;

    internal sealed class MySet : HashSet<int>;

    internal sealed class MyCollection : Collection<int>;

    internal class MyMiddle : List<int>;

    internal sealed class MyDeep : MyMiddle;

    internal sealed class MyDeepAnew : MyMiddle, IEnumerable<int>
    {
        IEnumerator<int> IEnumerable<int>.GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal class AnewMiddle : List<int>, IEnumerable<int>
    {
        IEnumerator<int> IEnumerable<int>.GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class AnewBelow : AnewMiddle;

    internal sealed class MyDictionaryAnew : Dictionary<string, int>, IEnumerable<KeyValuePair<string, int>>
    {
        IEnumerator<KeyValuePair<string, int>> IEnumerable<KeyValuePair<string, int>>.GetEnumerator() =>
            throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class HidesEnumerator : List<int>
    {
        public new IEnumerator<int> GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class MyConcurrent : ConcurrentDictionary<string, int>;

    internal sealed class CountThrows : List<int>, ICollection
    {
        int ICollection.Count => throw new InvalidOperationException();
    }

    internal sealed class WithMembers : List<int>
    {
        public int Sum => throw new InvalidOperationException();
    }

#if NET9_0_OR_GREATER
    internal sealed class OwnSet : HashSet<int>, ISet<int>, IEnumerable<int>
    {
        IEnumerator<int> IEnumerable<int>.GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }
#endif
}
