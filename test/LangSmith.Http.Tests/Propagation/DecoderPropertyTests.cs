using FsCheck;
using FsCheck.Fluent;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>Whatever comes over the wire, reading it never throws, and what is read can be used and sent on.</summary>
public class DecoderPropertyTests
{
    // Nothing is measured in wall-clock time; a shrinking failure may take a while.
    private static Config Config => Config.QuickThrowOnFailure.WithMaxTest(Generators.DecoderIterations).WithQuietOnSuccess(true);

    [Test]
    public void Extract_RandomHeaders_NeverThrows()
    {
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");
        Check.One(Config, Prop.ForAll(Generators.NoiseHeaders(), static headers => ReadEverything(headers.Trace, headers.Baggage)));
        // TryExtract would swallow an exception of the parser's together with the carrier's.
        Assert.That(counts.Values.Keys, Does.Not.Contain("carrier_failed"));
    }

    [Test]
    public void Extract_MutatedHeaders_NeverThrows()
    {
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");
        Check.One(Config, Prop.ForAll(Generators.MutatedHeaders(), static headers => ReadEverything(headers.Trace, headers.Baggage)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(counts.Values.Keys, Does.Not.Contain("carrier_failed"));
            // Mutation has to leave some headers whole, or this test looks at one branch only.
            Assert.That(counts.Values.Keys, Is.SupersetOf(new[] { "extracted", "malformed" }));
        }
    }

    [Test]
    public void Extract_ValidTraceWithAnyBaggage_LosesNoParent() => Check.One(Config, Prop.ForAll(Generators.MutatedBaggage(), static baggage =>
    {
        const string trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";
        using var counts = new ThreadCounts("langsmith.http.extractions", "result");
        var context = RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = trace, ["baggage"] = baggage });
        return context is null
            ? counts.Values.ContainsKey("project_and_address")
            : context.DottedOrder == trace && ReadEverything(trace, baggage);
    }));

    private static bool ReadEverything(string trace, string baggage)
    {
        var pairs = new Dictionary<string, string> { ["Langsmith-Trace"] = trace, ["Baggage"] = baggage };
        var single = RunContext.FromHeaders(pairs);
        var several = RunContext.FromHeaders(new Dictionary<string, IEnumerable<string>> { ["langsmith-trace"] = [trace], ["baggage"] = [baggage, baggage] });
        var alone = RunContext.FromDottedOrder(trace);
        RunContext.TryExtract(pairs, static (carrier, name) => name == "baggage" ? [carrier["Baggage"]] : [carrier["Langsmith-Trace"]], out var extracted);
        return IsUsable(single) && IsUsable(several) && IsUsable(alone) && IsUsable(extracted) && single?.RunId == extracted?.RunId;
    }

    private static bool IsUsable(RunContext? context)
    {
        if (context is null)
            return true;
        foreach (var tag in context.Tags)
        {
            if (tag.Length == 0)
                return false;
        }

        foreach (var (_, value) in context.Metadata)
            _ = value.ValueKind;
        var headers = context.ToHeaders();
        if (!context.IsSampled)
            return headers["baggage"] == "langsmith-sampled=0" && headers.Count == 1;
        // What was read is what the next service reads.
        var again = RunContext.FromHeaders(headers);
        return again is not null && again.RunId == context.RunId && again.TraceId == context.TraceId && again.ParentRunId == context.ParentRunId
            && again.DottedOrder == context.DottedOrder && headers.Values.All(Limits.IsCleanLine);
    }
}
