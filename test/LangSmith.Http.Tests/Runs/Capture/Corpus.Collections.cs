using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Collections.Specialized;
using System.Text.RegularExpressions;
using System.Threading.Channels;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Collections that are enumerated, and sequences that are not.</summary>
internal static partial class Corpus
{
    private static readonly int[] OneTwo = [1, 2];

    private static IEnumerable<Row> Collections =>
    [
        Json(OneTwo, "[1,2]"), Json(new[] { new[] { 1 }, [] }, "[[1],[]]"), Json(new object?[] { 1, "a", null }, "[1,\"a\",null]"),
        Json(new List<int> { 1, 2 }, "[1,2]", "List"), Json(new HashSet<string> { "a" }, "[\"a\"]", "HashSet"),
        Json(new SortedSet<int> { 2, 1 }, "[1,2]", "SortedSet"), Json(new Queue<int>(OneTwo), "[1,2]", "Queue"),
        Json(new Stack<int>(OneTwo), "[2,1]", "Stack"),
        Json(new LinkedList<int>(OneTwo), "[1,2]", "LinkedList"), Json(new ArrayList { 1, "a" }, "[1,\"a\"]", "ArrayList"),
        Json(new Queue(OneTwo), "[1,2]", "old Queue"), Json(new Stack(OneTwo), "[2,1]", "old Stack"),
        Json(new BitArray([true, false]), "[true,false]", "BitArray"),
        Json(new StringCollection { "a" }, "[\"a\"]", "StringCollection"),
        Json(new ArraySegment<int>(OneTwo, 1, 1), "[2]", "ArraySegment"),
        Json(ImmutableArray.Create(OneTwo), "[1,2]", "ImmutableArray"), Json(ImmutableList.Create(OneTwo), "[1,2]", "ImmutableList"),
        Json(ImmutableHashSet.Create(1), "[1]", "ImmutableHashSet"),
        Json(ImmutableSortedSet.Create(OneTwo), "[1,2]", "ImmutableSortedSet"),
        Json(ImmutableQueue.Create(OneTwo), "[1,2]", "ImmutableQueue"), Json(ImmutableStack.Create(OneTwo), "[2,1]", "ImmutableStack"),
        Json(new[] { 1 }.ToFrozenSet(), "[1]", "FrozenSet"), Json(new[] { "a" }.ToFrozenSet(), "[\"a\"]", "FrozenSet of texts"),
        Json(new ConcurrentQueue<int>(OneTwo), "[1,2]", "ConcurrentQueue"),
        Json(new ConcurrentStack<int>(OneTwo), "[2,1]", "ConcurrentStack"),
        Json(new ConcurrentBag<int> { 1 }, "[1]", "ConcurrentBag"),
        Json(new ObservableCollection<int>(OneTwo), "[1,2]", "ObservableCollection"),
        Json(new Collection<int>([1, 2]), "[1,2]", "Collection"), Json(OneTwo.AsReadOnly(), "[1,2]", "ReadOnlyCollection"),
        Json((IReadOnlyList<int>)[1, 2, 3], "[1,2,3]", "collection expression"),
        Json((IEnumerable<int>)[4], "[4]", "collection expression of one"),
        Json(new MyList { 1, 2 }, "[1,2]", "subclass of List"), Json(new MyKeyed { "k" }, "[\"k\"]", "KeyedCollection"),
        Json(new Dictionary<string, int> { ["a"] = 1 }, "{\"a\":1}", "Dictionary"),
        Json(new Dictionary<int, string> { [1] = "a" }, "{\"1\":\"a\"}", "int keys"),
        Json(new Dictionary<Level, int> { [Level.High] = 1 }, "{\"High\":1}", "enum keys"),
        Json(new Dictionary<Guid, int> { [Guid.Empty] = 1 }, "{\"00000000-0000-0000-0000-000000000000\":1}", "Guid keys"),
        Json(new Dictionary<DateOnly, int> { [new DateOnly(2026, 1, 2)] = 1 }, "{\"2026-01-02\":1}", "date keys"),
        Json(new Dictionary<bool, int> { [true] = 1 }, "{\"True\":1}", "bool keys"),
        Json(new Dictionary<string, object?> { ["A b"] = null, ["\""] = new[] { 1 } }, "{\"A b\":null,\"\\\"\":[1]}", "odd keys"),
        Json(new SortedDictionary<string, int> { ["b"] = 2, ["a"] = 1 }, "{\"a\":1,\"b\":2}", "SortedDictionary"),
        Json(new SortedList<string, int> { ["a"] = 1 }, "{\"a\":1}", "SortedList"),
        Json(new Hashtable { ["a"] = 1 }, "{\"a\":1}", "Hashtable"),
        Json(new Hashtable { [1] = "x" }, "{\"1\":\"x\"}", "Hashtable with a number"),
        Json(new ListDictionary { ["a"] = 1 }, "{\"a\":1}", "ListDictionary"),
        Json(new HybridDictionary { ["a"] = 1 }, "{\"a\":1}", "HybridDictionary"),
        Json(new OrderedDictionary { ["b"] = 1, ["a"] = 2 }, "{\"b\":1,\"a\":2}", "OrderedDictionary"),
        Json(new StringDictionary { ["a"] = "1" }, "{\"a\":\"1\"}", "StringDictionary"),
        Json(new ConcurrentDictionary<string, int> { ["a"] = 1 }, "{\"a\":1}", "ConcurrentDictionary"),
        Json(ImmutableDictionary<string, int>.Empty.Add("a", 1), "{\"a\":1}", "ImmutableDictionary"),
        Json(ImmutableSortedDictionary<string, int>.Empty.Add("a", 1), "{\"a\":1}", "ImmutableSortedDictionary"),
        Json(new Dictionary<string, int> { ["a"] = 1 }.ToFrozenDictionary(), "{\"a\":1}", "FrozenDictionary"),
        Json(new ReadOnlyDictionary<string, int>(new Dictionary<string, int> { ["a"] = 1 }), "{\"a\":1}", "ReadOnlyDictionary"),
        Json(new Dictionary<string, int> { ["a"] = 1 }.Keys, "[\"a\"]", "keys"),
        Json(new Dictionary<string, int> { ["a"] = 1 }.Values, "[1]", "values"),
        Json(new Dictionary<object, int> { ["a"] = 1, [2] = 2, [(1, 2)] = 3 }, "{\"a\":1,\"2\":2}", "keys of all kinds"),
        Json(
            new { list = (IEnumerable<int>)new List<int> { 1 }, map = (IReadOnlyDictionary<string, object>)new Dictionary<string, object> { ["a"] = 1 } },
            "{\"list\":[1],\"map\":{\"a\":1}}", "interfaces over listed"),
        Json(new List<object> { new List<object> { 1 }, new { a = 1 } }, "[[1],{\"a\":1}]", "nested"),
    ];

    private static IEnumerable<Row> Sequences =>
    [
        Json("iterator", static () => Once(), "\"Once\"", static value => ((IEnumerable<int>)value!).Count() == 3),
        Json("LINQ over a list", static () => new List<int> { 1 }.Where(Fails), "")
            with { Json = null, IsAsExpected = static json => json.EndsWith("Iterator<Int32>\"", StringComparison.Ordinal) },
        Json("Select over an array", static () => OneTwo.Select(static i => Fails(i)), "")
            with { Json = null, IsAsExpected = static json => json.EndsWith("Iterator<Int32,Boolean>\"", StringComparison.Ordinal) },
        Json("Range", static () => new { r = Enumerable.Range(0, int.MaxValue).Where(Fails) }, "{\"r\":\"RangeWhereIterator\"}")
            with { Json = null, IsAsExpected = static json => json.Length < 100 },
        Json("endless", static () => Endless(), "\"Endless\""),
        Json("endless in a member", static () => new { q = "kept", e = Endless() }, "{\"q\":\"kept\",\"e\":\"Endless\"}"),
        Json("endless in a dictionary", static () => new Dictionary<string, object> { ["e"] = Endless() }, "{\"e\":\"Endless\"}"),
        Json("endless under IEnumerable", static () => new Holder { Items = Endless() }, "{\"items\":\"Endless\"}"),
        Json("endless under Collection", static () => new Collection<int>(new Unlisted()), "\"Collection<Int32>\""),
        Json(
            "endless under ReadOnlyCollection", static () => new ReadOnlyCollection<int>(new Unlisted()), "\"ReadOnlyCollection<Int32>\""),
        Json(
            "wrapper of a wrapper", static () => new ReadOnlyCollection<int>(new Collection<int>(new Unlisted())),
            "\"ReadOnlyCollection<Int32>\""),
        Json("own IList", static () => new Unlisted(), "\"Unlisted\""),
        Json("own IEnumerable", static () => new OwnSequence(), "\"OwnSequence\""),
        Json("subclass that implements IEnumerable anew", static () => new Anew(), "\"Anew\""),
        Json(
            "GetConsumingEnumerable", static () => new ConsumedQueue(), "\"GetConsumingEnumerable\"",
            static value => ((ConsumedQueue)value!).Count == 2),
        Json(
            "BlockingCollection", static () => new BlockingCollection<int> { 1 }, "\"BlockingCollection<Int32>\"",
            static value => ((BlockingCollection<int>)value!).Count == 1),
        Json("MatchCollection", static () => Regex.Matches("aaa", "a"), "\"MatchCollection\""),
        Json("IQueryable", static () => OneTwo.AsQueryable().Where(static i => Fails(i)), "\"EnumerableQuery<Int32>\""),
        Json("IAsyncEnumerable", static () => Later(), "\"Later\""),
        Json("channel", static () => Channel.CreateUnbounded<int>(), "\"UnboundedChannel<Int32>\""),
        Json("channel's reader", static () => Channel.CreateUnbounded<int>().Reader.ReadAllAsync(), "\"ReadAllAsync\""),
        Json("enumerator", static () => Once().GetEnumerator(), "\"Once\""),
        Json("PriorityQueue", static () => new PriorityQueue<int, int>(), "{\"count\":0}")
            with { Json = null, IsAsExpected = static json => json.Length < 200 },
        Json("Lookup", static () => OneTwo.ToLookup(static i => i), "\"Lookup<Int32,Int32>\"")
            with { Json = null, IsAsExpected = static json => json.Length < 100 },
    ];

    private static bool Fails(int item) => throw new InvalidOperationException($"The sequence was read to {item}.");

    private static IEnumerable<int> Once()
    {
        yield return 1;
        yield return 2;
        yield return 3;
    }

    private static IEnumerable<int> Endless()
    {
        while (true)
            yield return 1;
    }

    internal sealed class Holder
    {
        public IEnumerable<int>? Items { get; set; }
    }

    internal sealed class MyList : List<int>;

    internal sealed class MyKeyed : KeyedCollection<string, string>
    {
        protected override string GetKeyForItem(string item) => item;
    }

    internal sealed class Anew : List<int>, IEnumerable<int>
    {
        IEnumerator<int> IEnumerable<int>.GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class OwnSequence : IEnumerable<int>
    {
        public IEnumerator<int> GetEnumerator() => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    internal sealed class Unlisted : IList<int>
    {
        public int Count => int.MaxValue;

        public bool IsReadOnly => true;

        public int this[int index]
        {
            get => throw new InvalidOperationException();
            set => throw new InvalidOperationException();
        }

        public void Add(int item) => throw new InvalidOperationException();

        public void Clear() => throw new InvalidOperationException();

        public bool Contains(int item) => throw new InvalidOperationException();

        public void CopyTo(int[] array, int arrayIndex) => throw new InvalidOperationException();

        public IEnumerator<int> GetEnumerator() => throw new InvalidOperationException();

        public int IndexOf(int item) => throw new InvalidOperationException();

        public void Insert(int index, int item) => throw new InvalidOperationException();

        public bool Remove(int item) => throw new InvalidOperationException();

        public void RemoveAt(int index) => throw new InvalidOperationException();

        IEnumerator IEnumerable.GetEnumerator() => throw new InvalidOperationException();
    }

    /// <summary>A queue whose consuming sequence is handed over.</summary>
    internal sealed class ConsumedQueue : IOwned
    {
        private readonly BlockingCollection<int> _queue = new() { 1, 2 };

        public int Count => _queue.Count;

        public object Value => _queue.GetConsumingEnumerable();

        public void Dispose() => _queue.Dispose();
    }
}
