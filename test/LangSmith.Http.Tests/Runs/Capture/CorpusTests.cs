using System.Text;
using System.Text.Json;

namespace LangSmith.Http.Tests.Runs.Capture;

[TestFixture]
public class CorpusTests
{
    private const int MaxBytes = PayloadSerializer.DefaultMaxBytes;
    private const int Mark = 1024;

    private static IEnumerable<TestCaseData> Rows => Corpus.Rows.Select(static row => new TestCaseData(row).SetArgDisplayNames(row.Name));

    [TestCaseSource(nameof(Rows))]
    [CancelAfter(60_000)]
    public void Value_HandedOver_IsRecordedAndUnharmed(object given)
    {
        var row = (Corpus.Row)given;
        var made = row.Make();
        using var owner = made as Corpus.IOwned;
        var value = owner is null ? made : owner.Value;

        var captured = PayloadSerializer.Serialize(value, PayloadSerializer.DefaultOptions, MaxBytes);
        var json = Encoding.UTF8.GetString(captured.Json);

        Assert.Multiple(() =>
        {
            Assert.That(owner?.Queries ?? 0, Is.Zero, "queries");
            Assert.That(captured.Json, Has.Length.LessThanOrEqualTo(MaxBytes + Mark));
            Assert.That(() => RawJson.Parse(captured.Json), Throws.Nothing, json.Length < 10_000 ? json : "");
            Assert.That(CaptureBed.CountValues(captured.Json), Is.LessThanOrEqualTo(CaptureBed.MostValues));
            if (row.Json is { } expected)
                Assert.That(json, Is.EqualTo(expected));
            else
                Assert.That(row.IsAsExpected!(json), Is.True, json[..Math.Min(json.Length, 300)]);
            Assert.That(row.IsUnharmed?.Invoke(made), Is.Not.False, "unharmed");
        });
    }

    // In one test, because most rows are as quick as the start of a test.
    [Test]
    [CancelAfter(120_000)]
    public void Values_WithTheUsersOptionsAndASmallBudget_FitAndAreUnharmed()
    {
        const int bytes = 16 * 1024;
        var users = PayloadSerializer.WithResolver(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower });
        Assert.Multiple(() =>
        {
            foreach (var row in Corpus.Rows)
            {
                var made = row.Make();
                using var owner = made as Corpus.IOwned;
                var json = PayloadSerializer.Serialize(owner is null ? made : owner.Value, users, bytes).Json;
                Assert.That(owner?.Queries ?? 0, Is.Zero, row.Name);
                Assert.That(json, Has.Length.LessThanOrEqualTo(bytes + Mark), row.Name);
                Assert.That(() => RawJson.Parse(json), Throws.Nothing, row.Name);
                Assert.That(row.IsUnharmed?.Invoke(made), Is.Not.False, row.Name);
            }
        });
    }

    [Test]
    public void Corpus_Rows_AreManyAndHaveNamesOfTheirOwn()
    {
        var names = Corpus.Rows.Select(static row => row.Name).ToList();

        Assert.That(names, Has.Count.GreaterThan(800).And.Unique);
    }
}
