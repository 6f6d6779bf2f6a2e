using System.Collections.Frozen;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>Whatever users put into a run, its headers keep it, keep to their budget, and leave other people's baggage alone.</summary>
public class EncoderPropertyTests
{
    private static readonly HeaderFormat Large = new(BaggageLine.MaxBytes, null);

    private static Config Config => Config.QuickThrowOnFailure.WithMaxTest(Generators.DecoderIterations / 10).WithQuietOnSuccess(true);

    [Test]
    public void RoundTrip_RandomUnicode_KeepsEverything() => Check.One(Config.WithEndSize(40), Prop.ForAll(Generators.Identities(), static identity =>
    {
        var sent = Generators.Context(identity);
        var headers = sent.GetHeaders(Large);
        var received = RunContext.FromHeaders(Pairs(headers.Trace, headers.Baggage))!;
        var isWhole = headers.Dropped == DroppedMembers.None;
        return received.TraceId == sent.TraceId && received.RunId == sent.RunId && received.ParentRunId == sent.ParentRunId
            && received.DottedOrder == sent.DottedOrder
            && (received.Project ?? "") == (headers.Dropped.HasFlag(DroppedMembers.Destination) ? "" : WireText.WellFormed(identity.Project))
            && (!isWhole || received.Tags.SequenceEqual(OnTheWire(identity.Tags)))
            && (!isWhole || WireText.Canonical(received.Metadata) == WireText.Canonical(Expected(sent)));
    }));

    [Test]
    public void RoundTrip_SmallRuns_AreNotCut() => Check.One(Config.WithEndSize(8), Prop.ForAll(Generators.Identities(), static identity =>
        Generators.Context(identity).GetHeaders(Large).Dropped == DroppedMembers.None));

    [Test]
    public void RoundTrip_Address_IsKept() => Check.One(Config.WithEndSize(20), Prop.ForAll(Generators.Identities(), static identity =>
    {
        var headers = Generators.Context(identity with { Project = "" }, Generators.Address).GetHeaders(Large);
        var received = RunContext.FromHeaders(Pairs(headers.Trace, headers.Baggage))!;
        return received.Address == Generators.Address && received.Project is null;
    }));

    [Test]
    public void Line_AnyBudgetAndForeignBaggage_StaysWithinIt()
    {
        var cases = from identity in Generators.Identities().Generator
                    from budget in Gen.Choose(0, BaggageLine.MaxBytes)
                    from foreign in Generators.ForeignMember().ArrayOf()
                    select (identity, budget, foreign);
        Check.One(Config.WithEndSize(30), Prop.ForAll(cases.ToArbitrary(), static input =>
        {
            var foreign = input.foreign.Length == 0 ? null : string.Join(',', input.foreign);
            var theirs = foreign is null ? 0 : Encoding.UTF8.GetByteCount(foreign);
            var context = Generators.Context(input.identity);
            var ours = context.GetHeaders(new HeaderFormat(input.budget, null)).Fit(theirs, out _);
            if (ours is null)
                return true;
            var length = Encoding.UTF8.GetByteCount(BaggageLine.Join(ours, foreign)!);
            // The project alone may use what proxies allow.
            var isProjectOnly = ours.StartsWith("langsmith-project=", StringComparison.Ordinal);
            return length <= (isProjectOnly ? BaggageLine.MaxBytes : input.budget)
                && Limits.IsCleanLine(ours) && IsUncut(ours, context);
        }));
    }

    [Test]
    public void Line_ProjectThatFits_IsNeverDropped()
    {
        var cases = from identity in Generators.Identities().Generator
                    from budget in Gen.Choose(0, BaggageLine.MaxBytes)
                    from theirs in Gen.Choose(0, 9000)
                    select (identity, budget, theirs);
        Check.One(Config.WithEndSize(30), Prop.ForAll(cases.ToArbitrary(), static input =>
        {
            var member = "langsmith-project=" + Uri.EscapeDataString(input.identity.Project);
            var isPossible = input.identity.Project.Length > 0 && member.Length + (input.theirs == 0 ? 0 : input.theirs + 1) <= BaggageLine.MaxBytes;
            var ours = Generators.Context(input.identity).GetHeaders(new HeaderFormat(input.budget, null)).Fit(input.theirs, out var dropped);
            var isThere = WireText.Members(ours).Contains(member);
            return isThere == isPossible && (input.identity.Project.Length == 0 || isThere != dropped.HasFlag(DroppedMembers.Destination));
        }));
    }

    [Test]
    public void Inject_ForeignBaggage_StaysByteForByteBehindOurs()
    {
        var cases = from identity in Generators.Identities().Generator
                    from foreign in Generators.ForeignMember().ArrayOf()
                    from stale in Gen.Elements("langsmith-project=stale", "Langsmith-Tags=stale", " langsmith-metadata = stale;p=1 ", "langsmith-replicas=[]", "langsmith-other")
                    from at in Gen.Choose(0, 10)
                    select (identity, foreign, stale, at);
        Check.One(Config.WithEndSize(12), Prop.ForAll(cases.ToArbitrary(), static input =>
        {
            var before = input.foreign.ToList();
            before.Insert(Math.Min(input.at, before.Count), input.stale);
            var carrier = new Dictionary<string, string> { ["baggage"] = string.Join(" , ", before) };
            var context = Generators.Context(input.identity);

            context.Inject(carrier, static (to, name, value) => to[name] = value, static (from, name) => from.TryGetValue(name, out var value) ? [value] : null);

            var foreign = input.foreign.Distinct().ToArray();
            var ours = context.GetHeaders(HeaderFormat.Default).Fit(Encoding.UTF8.GetByteCount(string.Join(',', foreign)), out _);
            var expected = string.Join(',', (ours is null ? [] : new[] { ours }).Concat(foreign));
            return carrier["baggage"] == expected;
        }));
    }

    [Test]
    public void Line_PropagatedMetadataKeys_NothingElseTravels() => Check.One(Config.WithEndSize(12), Prop.ForAll(Generators.Identities(), static identity =>
    {
        var allowed = identity.Metadata.Keys.Take(1).ToFrozenSet();
        var context = Generators.Context(identity);
        var received = RunContext.FromHeaders(Pairs(context.DottedOrder, context.GetHeaders(new HeaderFormat(BaggageLine.MaxBytes, allowed)).Baggage))!;
        return received.Metadata.Keys.All(key => allowed.Select(WireText.WellFormed).Contains(key));
    }));

    private static Dictionary<string, string> Pairs(string? trace, string? baggage) => new() { ["langsmith-trace"] = trace!, ["baggage"] = baggage ?? "" };

    // Documented: a comma inside a tag makes two of it, and an empty tag is none.
    private static string[] OnTheWire(string[] tags) =>
        WireText.WellFormed(string.Join(',', tags)).Split(',', StringSplitOptions.RemoveEmptyEntries);

    // Keys that differ only in what is no text become one; the last of them is read.
    private static Dictionary<string, System.Text.Json.JsonElement> Expected(RunContext sent)
    {
        var expected = new Dictionary<string, System.Text.Json.JsonElement>();
        foreach (var (key, value) in sent.Metadata)
            expected[WireText.WellFormed(key)] = value;
        return expected;
    }

    // A member is there with all it has, or with the thread keys alone, or not at all.
    private static bool IsUncut(string ours, RunContext context)
    {
        var full = WireText.Decode(context.GetHeaders(new HeaderFormat(int.MaxValue, null)).Baggage);
        foreach (var (key, value) in WireText.Decode(ours))
        {
            // The whole metadata is not even built when it is over every budget.
            if (full.TryGetValue(key, out var whole) && whole != value)
                return false;
        }

        return true;
    }
}
