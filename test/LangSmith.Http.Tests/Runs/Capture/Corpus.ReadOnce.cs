using System.Collections.Concurrent;
using System.ComponentModel;
using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using System.Xml;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

#pragma warning disable CA1822 // A member of an instance is what is tested.

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>What can be read once, where it is held by something else, and what holds resources.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> ReadOnce =>
    [
        Json("iterator in a tuple", static () => (Once(), 1), "{\"item1\":\"Once\",\"item2\":1}"),
        Json("iterator in a record", static () => new WithSequence(Endless(), "kept"), "{\"items\":\"Endless\",\"q\":\"kept\"}"),
        Json("iterator in a typed list", static () => new List<IEnumerable<int>> { Endless() }, "[\"Endless\"]"),
        Json(
            "iterator in a typed dictionary",
            static () => new Dictionary<string, IEnumerable<int>> { ["e"] = Endless(), ["l"] = new List<int> { 1 } },
            "{\"e\":\"Endless\",\"l\":[1]}"),
        Json("iterator in a queue", static () => new Queue<IEnumerable<int>>([Endless()]), "[\"Endless\"]"),
        Json("iterator under a getter", static () => new YieldingGetter(), "{\"q\":\"kept\",\"items\":\"Items\"}")
            with
            {
                Json = null,
                IsAsExpected = static json => json.StartsWith("{\"q\":\"kept\",\"items\":\"", StringComparison.Ordinal)
                    && json.Length < 80,
            },
        Json("iterator with state", static () => new Counted(), "\"Numbers\"", static value => ((Counted)value!).Moves == 0),
        Expect("OrderBy", static () => new List<int> { 1 }.OrderBy(static i => Fails(i)), static json => IsName(json)),
        Expect("GroupBy", static () => OneTwo.GroupBy(static i => Fails(i)), static json => IsName(json)),
        Expect("grouping", static () => OneTwo.GroupBy(static i => i % 2).First(), static json => IsName(json)),
        Expect("Chunk", static () => Endless().Chunk(2), static json => IsName(json)),
        Expect("Zip", static () => Endless().Zip(Endless()), static json => IsName(json)),
        Expect("Concat", static () => Endless().Concat(Endless()), static json => IsName(json)),
        Expect("Cast", static () => Endless().Cast<object>(), static json => IsName(json)),
        Expect("Enumerable.Repeat", static () => Enumerable.Repeat(1, int.MaxValue), static json => IsName(json)),
        Expect("Enumerable.Range", static () => Enumerable.Range(0, int.MaxValue), static json => IsName(json)),
        Expect("Take over a list", static () => new List<int> { 1 }.Take(1), static json => IsName(json)),
        Expect("Enumerable.Empty", static () => Enumerable.Empty<int>(), static json => json is "[]" || IsName(json)),
        Expect(
            "Reverse, Skip and Append",
            static () => new { q = "kept", r = OneTwo.AsEnumerable().Reverse(), s = OneTwo.Skip(1), a = OneTwo.Append(3) },
            static json => json.StartsWith("{\"q\":\"kept\",", StringComparison.Ordinal)
                && !json.Contains('[', StringComparison.Ordinal)),
        Expect("PLINQ", static () => OneTwo.AsParallel().Where(static i => Fails(i)), static json => IsName(json)),
        Json(
            "GetConsumingEnumerable in a member",
            static () =>
                Owning(static () =>
                    new BlockingCollection<int> { 1, 2 }, static queue => new { q = "kept", items = queue.GetConsumingEnumerable() }),
            "{\"q\":\"kept\",\"items\":\"GetConsumingEnumerable\"}",
            static value => ((Owner<BlockingCollection<int>>)value!).Resource.Count == 2),
        Json(
            "GetConsumingEnumerable in a dictionary",
            static () =>
                Owning(static () =>
                    new BlockingCollection<int> { 1 }, static queue =>
                        new Dictionary<string, object> { ["items"] = queue.GetConsumingEnumerable() }),
            "{\"items\":\"GetConsumingEnumerable\"}", static value => ((Owner<BlockingCollection<int>>)value!).Resource.Count == 1),
        Json(
            "GetConsumingEnumerable of an empty queue",
            static () => Owning(static () => new BlockingCollection<int>(), static queue => queue.GetConsumingEnumerable()),
            "\"GetConsumingEnumerable\""),
        Json(
            "BlockingCollection in a list",
            static () => Owning(static () => new BlockingCollection<int> { 1 }, static queue => new List<object> { queue }),
            "[\"BlockingCollection<Int32>\"]", static value => ((Owner<BlockingCollection<int>>)value!).Resource.Count == 1),
        Expect(
            "channel's reader with items", static () => FullChannel().Reader, static json => IsName(json),
            static value => ((ChannelReader<int>)value!).TryRead(out var item) && item == 1),
        Expect(
            "channel in a member", static () => new { q = "kept", c = FullChannel() },
            static json => json is "{\"q\":\"kept\",\"c\":\"UnboundedChannel<Int32>\"}"),
        Expect(
            "channel's writer", static () => FullChannel().Writer, static json => IsName(json),
            static value => ((ChannelWriter<int>)value!).TryWrite(1)),
        Expect("bounded channel", static () => Channel.CreateBounded<int>(1), static json => IsName(json)),
        Json("async iterator in a list", static () => new List<object> { Later() }, "[\"Later\"]"),
        Json("async enumerator", static () => Later().GetAsyncEnumerator(), "\"Later\""),
        Json("own IAsyncEnumerable", static () => new OwnAsync(), "\"OwnAsync\""),
        Json(
            "own IAsyncEnumerable with members", static () => new { q = "kept", a = new OwnAsync() },
            "{\"q\":\"kept\",\"a\":\"OwnAsync\"}"),
        Json(
            "own IQueryable", static () => new { q = "kept", a = OneTwo.AsQueryable() },
            "{\"q\":\"kept\",\"a\":\"EnumerableQuery<Int32>\"}"),
        Json(
            "MatchCollection in a member", static () => new { q = "kept", m = Regex.Matches("aaa", "a") },
            "{\"q\":\"kept\",\"m\":\"MatchCollection\"}"),
        Json("pageable like Azure's", static () => new Pageable(), "\"Pageable\"", static value => ((Pageable)value!).Requests == 0),
        Json("pageable in a member", static () => new { q = "kept", p = new Pageable() }, "{\"q\":\"kept\",\"p\":\"Pageable\"}"),
        Json("sequence that is disposable", static () => new Cursor(), "\"Cursor\"", static value => !((Cursor)value!).IsDisposed),
        Expect("XmlDocument", static () => Xml(), static json => IsName(json)),
        Expect("XElement's elements", static () => new XElement("a", new XElement("b")).Elements(), static json => IsName(json)),
        Expect(
            "XmlReader", static () => XmlReader.Create(new StringReader("<a/>")), static json => IsName(json) || json.StartsWith('{'),
            static value => ((XmlReader)value!).ReadState is ReadState.Initial),
        Expect("File.ReadLines", static () => File.ReadLines(typeof(Corpus).Assembly.Location), static json => IsName(json)),
        Expect("EnumerateFiles", static () => Directory.EnumerateFiles("/"), static json => IsName(json)),
        Expect(
            "configuration", static () => new ConfigurationBuilder().AddInMemoryCollection([new("Key", "secret")]).Build(),
            static json => !json.Contains("secret", StringComparison.Ordinal)),
        Expect(
            "claims", static () => new { q = "kept", user = new ClaimsPrincipal(new ClaimsIdentity([new Claim("a", "b")])) },
            static json => json is "{\"q\":\"kept\",\"user\":\"ClaimsPrincipal\"}"),
        Expect("BindingList", static () => new BindingList<int> { 1 }, static json => json is "[1]" or "\"BindingList<Int32>\""),
    ];

    private static IEnumerable<Row> MoreLeftAlone =>
    [
        Json("task that failed", static () => Task.FromException<int>(new InvalidOperationException()), "\"Task<Int32>\""),
        Json("task that was cancelled", static () => Task.FromCanceled<string>(new CancellationToken(true)), "\"Task<String>\""),
        Json("tasks in a list", static () => new List<Task> { Task.CompletedTask }, "")
            with
            {
                Json = null,
                IsAsExpected = static json => json.StartsWith("[\"", StringComparison.Ordinal)
                    && json.Contains("Task", StringComparison.Ordinal),
            },
        Expect("task of an async method", static () => Never(), static json => IsName(json)),
        Json(
            "ValueTask without a value", static () => new { q = "kept", t = default(ValueTask) }, "{\"q\":\"kept\",\"t\":\"ValueTask\"}"),
        Json(
            "FileStream", static () => Owning(static () => File.OpenRead(typeof(Corpus).Assembly.Location), static file => file),
            "\"FileStream\"", static value => ((Owner<FileStream>)value!).Resource.Position == 0),
        Json(
            "StreamReader in a member", static () => new { q = "kept", r = new StreamReader(new MemoryStream([65])) },
            "{\"q\":\"kept\",\"r\":\"StreamReader\"}"),
        Json(
            "BinaryReader", static () => new BinaryReader(new MemoryStream([65])), "\"BinaryReader\"",
            static value => ((BinaryReader)value!).ReadByte() == 65),
        Json("FileInfo", static () => new FileInfo("/a"), "\"FileInfo\""),
        Expect("pipe", static () => new Pipe(), static json => IsName(json)),
        Json(
            "delegates",
            static () => new { q = "kept", f = (Func<int, string>)(static i => $"{Fails(i)}"), e = (EventHandler)((_, _) => { }) },
            "{\"q\":\"kept\",\"f\":\"Func<Int32,String>\",\"e\":\"EventHandler\"}"),
        Json("CancellationTokenSource", static () => new CancellationTokenSource(), "\"CancellationTokenSource\""),
        Json(
            "cancelled token in a member", static () => new { q = "kept", t = new CancellationToken(true) },
            "{\"q\":\"kept\",\"t\":\"CancellationToken\"}"),
        Json("Thread", static () => Thread.CurrentThread, "\"Thread\""),
        Json(
            "ThreadLocal", static () => new ThreadLocal<int>(static () => Fails(1) ? 1 : 0), "\"ThreadLocal<Int32>\"",
            static value => !((ThreadLocal<int>)value!).IsValueCreated),
        Json("AsyncLocal", static () => new AsyncLocal<int>(), "\"AsyncLocal<Int32>\""),
        Json("Timer", static () => new Timer(static _ => { }), "\"Timer\""),
        Json("PeriodicTimer", static () => new PeriodicTimer(TimeSpan.FromDays(1)), "\"PeriodicTimer\""),
        Json("ManualResetEventSlim", static () => new ManualResetEventSlim(), "\"ManualResetEventSlim\""),
        Json("Process", static () => Process.GetCurrentProcess(), "\"Process\""),
        Json("Activity", static () => new { q = "kept", a = new Activity("a") }, "{\"q\":\"kept\",\"a\":\"Activity\"}"),
        Json("PropertyInfo", static () => typeof(string).GetProperty("Length"), "\"RuntimePropertyInfo\""),
        Json(
            "ParameterInfo", static () => typeof(string).GetMethod("CopyTo", [typeof(Span<char>)])!.GetParameters()[0],
            "\"RuntimeParameterInfo\""),
        Json(
            "HttpResponseMessage",
            static () => new { q = "kept", r = new HttpResponseMessage { Content = new StringContent("read once") } },
            "{\"q\":\"kept\",\"r\":\"HttpResponseMessage\"}"),
        Json(
            "HttpContent", static () => new StringContent("read once"), "\"StringContent\"",
            static value => ((StringContent)value!).ReadAsStringAsync().Result == "read once"),
        Json("own HttpContent", static () => new { q = "kept", c = new OnceContent() }, "{\"q\":\"kept\",\"c\":\"OnceContent\"}"),
        Expect(
            "request headers", static () => new { q = "kept", h = SecretHeaders() },
            static json => !json.Contains("secret", StringComparison.Ordinal)),
        Expect(
            "AuthenticationHeaderValue", static () => new { q = "kept", h = new AuthenticationHeaderValue("Bearer", "secret") },
            static json => !json.Contains("secret", StringComparison.Ordinal)),
        Expect(
            "cookies", static () => new { q = "kept", c = new CookieCollection { new Cookie("a", "secret") } },
            static json => !json.Contains("secret", StringComparison.Ordinal)),
        Json(
            "HttpRequest", static () => new { q = "kept", r = new DefaultHttpContext().Request },
            "{\"q\":\"kept\",\"r\":\"DefaultHttpRequest\"}"),
        Expect(
            "form that reads the body", static () => new { q = "kept", f = new FormFeatureReader() },
            static json => json.StartsWith("{\"q\":\"kept\"", StringComparison.Ordinal)),
        Expect(
            "header dictionary", static () => new { q = "kept", h = new HeaderDictionary { ["Authorization"] = "secret" } },
            static json => json is "{\"q\":\"kept\",\"h\":\"HeaderDictionary\"}"),
        Expect("query collection", static () => new QueryCollection(), static json => IsName(json)),
        Expect("route values", static () => new RouteValueDictionary { ["a"] = 1 }, static json => IsName(json)),
        Json(
            "service scope", static () => new { q = "kept", s = new ServiceCollection().BuildServiceProvider().CreateScope() },
            "{\"q\":\"kept\",\"s\":\"ServiceProviderEngineScope\"}"),
        Json("own IServiceProvider", static () => new OwnServices(), "\"OwnServices\""),
        Expect("service collection", static () => new ServiceCollection(), static json => IsName(json)),
        Expect(
            "memory cache", static () => new { q = "kept", c = new MemoryCache(Options.Create(new MemoryCacheOptions())) },
            static json => json.StartsWith("{\"q\":\"kept\",\"c\":", StringComparison.Ordinal) && json.Length < 200),
        Json("DataSet", static () => new { q = "kept", s = new DataSet("s") }, "{\"q\":\"kept\",\"s\":\"DataSet\"}"),
        Json("DataRow", static () => Table().Rows[0], "\"DataRow\""),
        Json("DataView", static () => new DataView(Table()), "\"DataView\""),
        Expect("DataTables in a list", static () => new List<DataTable> { Table() }, static json => json is "[\"DataTable\"]"),
        Json(
            "DataTableReader in a dictionary", static () => new Dictionary<string, DbDataReader> { ["r"] = Table().CreateDataReader() },
            "{\"r\":\"DataTableReader\"}", static value => ((Dictionary<string, DbDataReader>)value!)["r"].Read()),
        Json("pointer", static () => new { q = "kept", p = (nuint)1 }, "{\"q\":\"kept\",\"p\":\"UIntPtr\"}"),
        Expect(
            "WeakReference", static () => new { q = "kept", w = new WeakReference(new object()) },
            static json => json.StartsWith("{\"q\":\"kept\",\"w\":", StringComparison.Ordinal)),
        Expect(
            "Stopwatch", static () => new { q = "kept", s = new Stopwatch() },
            static json => json.StartsWith("{\"q\":\"kept\",\"s\":", StringComparison.Ordinal)),
        Expect(
            "Random and TimeProvider", static () => new { q = "kept", r = new Random(1), t = TimeProvider.System },
            static json => json.StartsWith("{\"q\":\"kept\",\"r\":", StringComparison.Ordinal)),
        Expect(
            "GC and runtime handles", static () => new { q = "kept", h = typeof(int).TypeHandle },
            static json => json.StartsWith("{\"q\":\"kept\",\"h\":", StringComparison.Ordinal)),
    ];

    private static bool IsName(string json) => json.Length is > 2 and < 200
        && json[0] == '"' && !json.Contains('(', StringComparison.Ordinal);

    private static Owner<T> Owning<T>(Func<T> make, Func<T, object> getValue)
        where T : IDisposable
    {
        var resource = make();
        return new Owner<T>(resource, getValue(resource));
    }

    private static Channel<int> FullChannel()
    {
        var channel = Channel.CreateUnbounded<int>();
        channel.Writer.TryWrite(1);
        return channel;
    }

    private static XmlDocument Xml()
    {
        var document = new XmlDocument();
        document.LoadXml("<a><b/></a>");
        return document;
    }

    private static async Task<int> Never()
    {
        await new TaskCompletionSource().Task;
        return 1;
    }

    private static HttpRequestHeaders SecretHeaders() => Request().Headers;

    /// <summary>A value that was made from a resource, which is disposed after the test.</summary>
    internal sealed class Owner<T>(T resource, object value) : IOwned
        where T : IDisposable
    {
        internal T Resource => resource;

        public object Value => value;

        public void Dispose() => resource.Dispose();
    }

    internal sealed record WithSequence(IEnumerable<int> Items, string Q);

    internal sealed class YieldingGetter
    {
        public string Q => "kept";

        public IEnumerable<int> Items
        {
            get
            {
                yield return Fails(1) ? 1 : 0;
            }
        }
    }

    internal sealed class Counted : IOwned
    {
        internal int Moves { get; private set; }

        public object Value => Numbers();

        public void Dispose()
        {
        }

        private IEnumerable<int> Numbers()
        {
            while (true)
                yield return ++Moves;
        }
    }

    internal sealed class OwnAsync : IAsyncEnumerable<int>
    {
        public int Count => throw new InvalidOperationException();

        public IAsyncEnumerator<int> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException();
    }

    internal sealed class Pageable : IEnumerable<string>
    {
        internal int Requests { get; private set; }

        public IEnumerator<string> GetEnumerator()
        {
            Requests++;
            yield return "page";
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    internal sealed class Cursor : IEnumerable<int>, IDisposable
    {
        internal bool IsDisposed { get; private set; }

        public IEnumerator<int> GetEnumerator() => throw new InvalidOperationException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => throw new InvalidOperationException();

        public void Dispose() => IsDisposed = true;
    }

    internal sealed class OnceContent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => throw new InvalidOperationException();

        protected override bool TryComputeLength(out long length) => throw new InvalidOperationException();
    }

    internal sealed class FormFeatureReader
    {
        public object Form => new DefaultHttpContext().Request.Form;
    }

    internal sealed class OwnServices : IServiceProvider
    {
        public int Count => throw new InvalidOperationException();

        public object? GetService(Type serviceType) => throw new InvalidOperationException();
    }
}
