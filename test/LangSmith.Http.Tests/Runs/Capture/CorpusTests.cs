using System.Text;

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
            if (row.Json is { } expected)
                Assert.That(json, Is.EqualTo(expected));
            else
                Assert.That(row.IsAsExpected!(json), Is.True, json[..Math.Min(json.Length, 300)]);
            Assert.That(row.IsUnharmed?.Invoke(made), Is.Not.False, "unharmed");
        });
    }

    [Test]
    public void Corpus_Rows_AreManyAndHaveNamesOfTheirOwn()
    {
        var names = Corpus.Rows.Select(static row => row.Name).ToList();

        Assert.That(names, Has.Count.GreaterThan(200).And.Unique);
    }
}
