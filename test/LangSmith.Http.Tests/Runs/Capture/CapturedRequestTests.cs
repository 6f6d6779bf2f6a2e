using System.Collections;
using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>A service that hands a value to a run and then answers with what it reads from it.</summary>
[TestFixture]
public class CapturedRequestTests
{
    private TracedServer _traced = null!;
    private TracedServer _untraced = null!;

    private static IEnumerable<TestCaseData> Rows =>
        Corpus.Rows.Select(static (row, i) => new TestCaseData(i, row.Name).SetArgDisplayNames(row.Name));

    [OneTimeSetUp]
    public async Task SetUp()
    {
        _traced = await TracedServer.StartAsync(app => Map(app, isRecorded: true));
        _untraced = await TracedServer.StartAsync(
            app => Map(app, isRecorded: false),
            services: static services => services.Configure<LangSmithOptions>(static options => options.Enabled = false));
    }

    [OneTimeTearDown]
    public async Task TearDown()
    {
        await _traced.DisposeAsync();
        await _untraced.DisposeAsync();
    }

    [TestCaseSource(nameof(Rows))]
    public async Task Request_ThatHandsTheValueOver_AnswersAsWithoutTracing(int row, string name)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var uri = new Uri($"/?row={row}", UriKind.Relative);

        using var traced = await _traced.Client.GetAsync(uri, patience.Token);
        using var untraced = await _untraced.Client.GetAsync(uri, patience.Token);
        var tracedBytes = await traced.Content.ReadAsByteArrayAsync(patience.Token);
        var untracedBytes = await untraced.Content.ReadAsByteArrayAsync(patience.Token);

        Assert.Multiple(() =>
        {
            Assert.That(traced.StatusCode, Is.EqualTo(HttpStatusCode.OK).And.EqualTo(untraced.StatusCode), name);
            Assert.That(traced.Content.Headers.ContentType, Is.EqualTo(untraced.Content.Headers.ContentType));
            Assert.That(tracedBytes, Is.EqualTo(untracedBytes).And.Not.Empty, Encoding.UTF8.GetString(tracedBytes));
        });
    }

    [Test]
    public void Requests_OfTheServerThatIsSwitchedOff_RecordNothing() => Assert.That(_untraced.Recorder.Runs, Is.Empty);

    private static void Map(WebApplication app, bool isRecorded)
    {
        var rows = Corpus.Rows.ToArray();
        app.MapGet("/", async (int row, LangSmithTracer tracer) =>
        {
            var made = rows[row].Make();
            using var owner = made as Corpus.IOwned;
            var value = owner is null ? made : owner.Value;
            return await tracer.RunAsync(
                "answer",
                run =>
                {
                    Assert.That(run.IsRecorded, Is.EqualTo(isRecorded));
                    return Task.FromResult(made is Corpus.Owner<BlockingCollection<int>> queue ? UseQueue(queue.Resource) : Use(value, 2));
                },
                inputs: value);
        });
    }

    // The first elements, rows or bytes of what can be read, also where an object holds it; the text of everything else.
    private static string Use(object? value, int depth)
    {
        try
        {
            return value switch
            {
                null => "null",
                string { Length: var length } => length.ToString(CultureInfo.InvariantCulture),
                DbDataReader { IsClosed: false } reader => $"{reader.Read()} {reader.FieldCount} {reader.Read()}",
                Stream { CanSeek: true } stream => $"{stream.Position} {stream.ReadByte()}",
                TextReader reader => reader.ReadToEnd(),
                HttpRequestMessage { Content: { } content } => content.ReadAsStringAsync().Result,
                HttpResponseMessage { Content: { } content } => content.ReadAsStringAsync().Result,
                ChannelReader<int> reader => $"{reader.TryRead(out var item)} {item}",
                Lazy<int> lazy => $"{lazy.IsValueCreated} {lazy.Value}",
                Blog blog => $"{blog.Title} {blog.Posts.Count}",
                Author author => $"{author.Name} {author.Books.Count}",
                StringBuilder { Length: var length } => length.ToString(CultureInfo.InvariantCulture),
                Exception exception => exception.GetType().Name,
                _ when depth == 0 => value.GetType().Name,
                IDictionary map => $"{{{string.Join(',', map.Values.Cast<object?>().Take(2).Select(item => Use(item, depth - 1)))}}}",
                IEnumerable items => $"[{string.Join(',', items.Cast<object?>().Take(2).Select(item => Use(item, depth - 1)))}]",
                ITuple tuple => $"({string.Join(',', Enumerable.Range(0, tuple.Length).Select(i => Use(tuple[i], depth - 1)))})",
                _ when IsAnonymous(value) => UseMembers(value, depth - 1),
                _ => value.GetType().Name,
            };
        }
        catch (Exception exception)
        {
            return exception.GetType().Name;
        }
    }

    private static bool IsAnonymous(object value) => value.GetType().Name.Contains("AnonymousType", StringComparison.Ordinal);

    private static string UseMembers(object value, int depth) =>
        $"<{string.Join(',', value.GetType().GetProperties().Select(member => $"{member.Name}={Use(member.GetValue(value), depth)}"))}>";

    // Reading more would wait.
    private static string UseQueue(BlockingCollection<int> queue) =>
        $"{queue.Count}: {string.Join(',', queue.GetConsumingEnumerable().Take(queue.Count))}";
}
