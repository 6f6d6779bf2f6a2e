using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>What is believed and what is not, and that every decision is counted with its reason.</summary>
public class ExtractionTests
{
    private const string Id = "018bcfe5-687b-7000-8000-000000000001";
    private const string Trace = "20231114T221320123456Z" + Id;
    private const string Address = "langsmith-address=lrn%3Aagents%2Fsupport-agent%2Fenvironments%2F";

    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private static readonly TestCaseData<string?[]?, string?[]?, string>[] Carriers =
    [
        new([Trace], null, "extracted") { TestName = "trace alone" },
        new([null, "", Trace], null, "extracted") { TestName = "empty values beside the trace" },
        new([" \t" + Trace + " "], null, "extracted") { TestName = "blanks around the trace" },
        new([Trace], ["langsmith-sampled=0"], "extracted") { TestName = "not sampled, but a trace" },
        new([Trace], [$"langsmith-sampled=0;trace={Guid.Empty}"], "extracted") { TestName = "another trace is not sampled" },
        new([Trace], ["langsmith-sampled=0;trace=018bcfe5-687b-7000-8000-000000000001,langsmith-project=p"], "not_sampled") { TestName = "this trace is not sampled" },
        new(null, ["langsmith-sampled=0"], "not_sampled") { TestName = "not sampled" },
        new([""], ["userId=a , langsmith-sampled = 0;p=1"], "not_sampled") { TestName = "not sampled, with blanks" },
        new(null, ["langsmith-sampled=1"], "absent") { TestName = "sampled, no trace" },
        new(null, ["langsmith-project=p"], "absent") { TestName = "baggage alone" },
        new(null, null, "absent") { TestName = "nothing" },
        new([" "], null, "absent") { TestName = "blank trace" },
        new([Trace, Trace], null, "ambiguous") { TestName = "two lines" },
        new([Trace + "," + Trace], null, "ambiguous") { TestName = "comma" },
        new([Trace + ","], null, "ambiguous") { TestName = "trailing comma" },
        new(["garbage"], null, "malformed") { TestName = "garbage" },
        new([Trace + "."], null, "malformed") { TestName = "trailing dot" },
        new(["." + Trace], null, "malformed") { TestName = "leading dot" },
        new(["2023111\0T221320123456Z" + Id], null, "malformed") { TestName = "NUL" },
        new(["20231114T2213201234567Z" + Id], null, "malformed") { TestName = "seven fraction digits" },
        new(["20231114T221320Z" + Id], null, "malformed") { TestName = "no fraction" },
        new(["20231114t221320123456Z" + Id], null, "malformed") { TestName = "lower-case t" },
        new(["20230229T221320123456Z" + Id], null, "malformed") { TestName = "no leap year" },
        new(["20231114T221360123456Z" + Id], null, "malformed") { TestName = "second 60" },
        new(["20231114T241320123456Z" + Id], null, "malformed") { TestName = "hour 24" },
        new(["20231114T226020123456Z" + Id], null, "malformed") { TestName = "minute 60" },
        new(["20231314T221320123456Z" + Id], null, "malformed") { TestName = "month 13" },
        new(["20230014T221320123456Z" + Id], null, "malformed") { TestName = "month 0" },
        new(["20231100T221320123456Z" + Id], null, "malformed") { TestName = "day 0" },
        new(["00001114T221320123456Z" + Id], null, "malformed") { TestName = "year 0" },
        new(["20231114T2213201234 6Z" + Id], null, "malformed") { TestName = "blank in the fraction" },
        new(["20231114T22132012345+Z" + Id], null, "malformed") { TestName = "sign in the fraction" },
        new(["20231114T221320123456Z0x8bcfe5-687b-7000-8000-000000000001"], null, "malformed") { TestName = "0x in the id" },
        new(["20231114T22132012345٣Z" + Id], null, "malformed") { TestName = "digits of another script" },
        new([string.Join('.', Enumerable.Repeat(Trace, 139))], null, "too_long") { TestName = "139 segments" },
        new([new string('x', 1_000_000)], null, "too_long") { TestName = "a megabyte" },
        new([Trace], ["langsmith-project=p," + Address + "local"], "project_and_address") { TestName = "project and address" },
        new([Trace], ["langsmith-project=p,langsmith-address=nonsense"], "extracted") { TestName = "project and unusable address" },
        new([Trace], ["langsmith-project=," + Address + "local"], "extracted") { TestName = "empty project and address" },
    ];

    [TestCaseSource(nameof(Carriers))]
    public void TryExtract_Carrier_IsDecidedAndCounted(string?[]? trace, string?[]? baggage, string result)
    {
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");

        var isRead = RunContext.TryExtract(0, (_, name) => name == "langsmith-trace" ? trace : baggage, out var context);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(counts.Values, Is.EqualTo(new Dictionary<string, long> { [result] = 1 }));
            Assert.That(isRead, Is.EqualTo(result is "extracted" or "not_sampled"));
            Assert.That(context is not null, Is.EqualTo(isRead));
            Assert.That(context?.IsSampled, isRead ? Is.EqualTo(result == "extracted") : Is.Null);
            Assert.That(context?.DottedOrder, !isRead ? Is.Null : Is.EqualTo(result == "extracted" || trace is [not (null or "")] ? Trace : ""));
        }
    }

    [Test]
    public void TryExtract_ThrowingGetter_IsNoParentAndCounted()
    {
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");
        var isRead = RunContext.TryExtract(0, static (_, _) => throw new InvalidOperationException("the carrier is closed"), out var context);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(isRead, Is.False);
            Assert.That(context, Is.Null);
            Assert.That(counts.Values, Is.EqualTo(new Dictionary<string, long> { ["carrier_failed"] = 1 }));
        }
    }

    [Test]
    public void FromHeaders_ThrowingWhileEnumerated_IsNoParent()
    {
        Assert.That(RunContext.FromHeaders(Pairs()), Is.Null);

        static IEnumerable<KeyValuePair<string, string>> Pairs()
        {
            yield return new("langsmith-trace", Trace);
            throw new InvalidOperationException("changed while read");
        }
    }

    [Test]
    public void FromHeaders_Null_IsNoParent()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(RunContext.FromHeaders((Dictionary<string, string>?)null), Is.Null);
            Assert.That(RunContext.FromHeaders((Dictionary<string, IEnumerable<string>>?)null), Is.Null);
            Assert.That(RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = null!, ["baggage"] = null! }), Is.Null);
            Assert.That(RunContext.FromDottedOrder(null), Is.Null);
        }
    }

    [Test]
    public void FromHeaders_TwoKeysInDifferentCase_IsAmbiguous() =>
        Assert.That(RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["Langsmith-Trace"] = Trace }), Is.Null);

    [TestCase(59, true)]
    [TestCase(60, true)]
    [TestCase(61, false)]
    public void TryExtract_SegmentInTheFuture_IsBelievedForAnHour(int minutes, bool isRead)
    {
        var clock = new FakeTimeProvider(Noon);
        var last = DottedOrder.Append(Trace, Noon.UtcDateTime.AddMinutes(minutes), Guid.NewGuid());
        var first = DottedOrder.Append(DottedOrder.Append(null, Noon.UtcDateTime.AddMinutes(minutes), Guid.NewGuid()), Noon.UtcDateTime, Guid.NewGuid());
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(RunContext.FromDottedOrder(last, clock), isRead ? Is.Not.Null : Is.Null);
            Assert.That(RunContext.FromDottedOrder(first, clock), isRead ? Is.Not.Null : Is.Null);
            Assert.That(RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = last }, clock), isRead ? Is.Not.Null : Is.Null);
            Assert.That(counts.Values, Is.EqualTo(new Dictionary<string, long> { [isRead ? "extracted" : "future"] = 3 }));
        }

        clock.Advance(TimeSpan.FromHours(1));
        Assert.That(RunContext.FromDottedOrder(last, clock), Is.Not.Null);
    }

    [Test]
    public void FromDottedOrder_ClockAtTheEndOfTime_DoesNotThrow() =>
        Assert.That(RunContext.FromDottedOrder(Trace, new SettableTimeProvider(DateTimeOffset.MaxValue)), Is.Not.Null);

    [TestCase("production", "production")]
    [TestCase("PRODUCTION", "production")]
    [TestCase("Local", "local")]
    [TestCase("moon", null)]
    [TestCase("production%2Fextra", null)]
    [TestCase("production%0A", null)]
    public void FromHeaders_Address_IsReadAndSentOn(string environment, string? read)
    {
        var context = RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Address + environment })!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(context.Address, Is.EqualTo(read is null ? null : "lrn:agents/support-agent/environments/" + read));
            Assert.That(context.ToHeaders().GetValueOrDefault("baggage"), Is.EqualTo(read is null ? null : Address + read));
        }
    }

    [Test]
    public void FromHeaders_BaggageOverItsReadBound_IsIgnoredAndTheTraceKept()
    {
        var longest = "langsmith-project=p," + new string('x', BaggageLine.MaxReadLength - "langsmith-project=p,".Length);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(longest).Project, Is.EqualTo("p"));
            Assert.That(Read(longest + "x").Project, Is.Null);
        }

        static RunContext Read(string baggage) => RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = baggage })!;
    }

    [Test]
    public void Metadata_Unreadable_IsCountedOnceWhenRead()
    {
        using var counts = new ThreadCounts("langsmith.http.faults", "kind");
        var context = RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = "langsmith-metadata=%7Bnope" })!;
        Assert.That(counts.Values, Is.Empty);
        Assert.That(context.Metadata, Is.Empty);
        Assert.That(context.Metadata, Is.Empty);
        Assert.That(counts.Values, Is.EqualTo(new Dictionary<string, long> { ["unreadable_member"] = 1 }));
    }

    [TestCase(60, true)]
    [TestCase(2000, false)]
    public void Metadata_DeeplyNested_IsReadOrIgnored(int depth, bool isRead)
    {
        var json = "{\"a\":" + string.Concat(Enumerable.Repeat("[", depth)) + string.Concat(Enumerable.Repeat("]", depth)) + "}";
        var context = RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = "langsmith-metadata=" + json })!;
        Assert.That(context.Metadata, isRead ? Has.Count.EqualTo(1) : Is.Empty);
    }

    [TestCase(1, "20231114T221320000000Z")]
    [TestCase(3, "20231114T221320123000Z")]
    [TestCase(6, "20231114T221320123456Z")]
    public void FromDottedOrder_ShortFraction_ChildSortsBehindIt(int digits, string earliest)
    {
        var fraction = "123456"[..digits];
        var parent = RunContext.FromDottedOrder($"20231114T221320{fraction}Z{Id}")!;
        var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true }, timeProvider: new SettableTimeProvider(DateTimeOffset.UnixEpoch));
        using var child = tracer.StartRun("child", options: new RunOptions { Parent = parent });
        var segments = child.Run.DottedOrder.Split('.');
        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.CompareOrdinal(segments[1][..22], segments[0][..22]), Is.GreaterThanOrEqualTo(0));
            Assert.That(string.CompareOrdinal(segments[1], earliest), Is.GreaterThanOrEqualTo(0));
        }
    }

    [Test]
    public void ToHeaders_NotSampled_IsTheMarkAlone()
    {
        RunContext.TryExtract(0, static (_, name) => name == "baggage" ? ["langsmith-sampled=0"] : null, out var context);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(context!.IsSampled, Is.False);
            Assert.That(context.ToHeaders(), Is.EqualTo(new Dictionary<string, string> { ["baggage"] = "langsmith-sampled=0" }));
            Assert.That(Encoding.ASCII.GetByteCount(context.ToString()), Is.Zero);
        }
    }
}
