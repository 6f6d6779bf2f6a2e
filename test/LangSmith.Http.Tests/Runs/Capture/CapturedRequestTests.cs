using System.Collections;
using System.Data.Common;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>A service that hands a value to a run and then answers with what it reads from it.</summary>
[TestFixture]
public class CapturedRequestTests
{
    private TracedServer _server = null!;

    private static IEnumerable<TestCaseData> Rows =>
        Corpus.Rows.Select(static (row, i) => new TestCaseData(i, row.Name).SetArgDisplayNames(row.Name));

    [OneTimeSetUp]
    public async Task SetUp()
    {
        var rows = Corpus.Rows.ToArray();
        _server = await TracedServer.StartAsync(app => app.MapGet("/{row}", async (int row, bool off, LangSmithTracer tracer) =>
        {
            var made = rows[row].Make();
            using var owner = made as Corpus.IOwned;
            var value = owner is null ? made : owner.Value;
            using var scope = off ? TracingContext.With(enabled: false) : null;
            return await tracer.RunAsync(
                "answer",
                run =>
                {
                    Assert.That(run.IsRecorded, Is.Not.EqualTo(off));
                    return Task.FromResult(Use(value));
                },
                inputs: value);
        }));
    }

    [OneTimeTearDown]
    public async Task TearDown() => await _server.DisposeAsync();

    [TestCaseSource(nameof(Rows))]
    [CancelAfter(60_000)]
    public async Task Request_ThatHandsTheValueOver_AnswersAsWithoutTracing(int row, string name)
    {
        var traced = await _server.Client.GetAsync(new Uri($"/{row}?off=false", UriKind.Relative));
        var untraced = await _server.Client.GetAsync(new Uri($"/{row}?off=true", UriKind.Relative));

        Assert.Multiple(async () =>
        {
            Assert.That(traced.StatusCode, Is.EqualTo(untraced.StatusCode), name);
            Assert.That(await traced.Content.ReadAsStringAsync(), Is.EqualTo(await untraced.Content.ReadAsStringAsync()).And.Not.Empty);
        });
    }

    // The first elements, rows or bytes of what can be read; the text of everything else.
    private static string Use(object? value)
    {
        try
        {
            return value switch
            {
                null => "null",
                string { Length: var length } => length.ToString(CultureInfo.InvariantCulture),
                DbDataReader reader => $"{reader.Read()} {reader.FieldCount} {reader.Read()}",
                Stream stream => $"{stream.Position} {stream.ReadByte()}",
                TextReader reader => reader.ReadToEnd(),
                Lazy<int> lazy => lazy.IsValueCreated.ToString(),
                IEnumerable items => $"[{string.Join(',', items.Cast<object?>().Take(2))}]",
                StringBuilder { Length: var length } => length.ToString(CultureInfo.InvariantCulture),
                Exception { Message.Length: var length } => length.ToString(CultureInfo.InvariantCulture),
                _ => value.GetType().Name,
            };
        }
        catch (InvalidOperationException exception)
        {
            return exception.GetType().Name;
        }
    }
}
