using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>What a run may say of itself, and how deep it lies.</summary>
public sealed record Identity(string Project, string[] Tags, Dictionary<string, object?> Metadata, int Depth);

/// <summary>The random input of the property tests.</summary>
internal static class Generators
{
    internal const string Address = "lrn:agents/support-agent/environments/production";

    private const string Trace =
        "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001.20231114T221321123Z018bcfe5-6c63-7000-8000-000000000002";

    private const string Baggage =
        "langsmith-metadata=%7B%22user%22%3A%22u%C3%A9%22%2C%22n%22%3A%5B1%2Cnull%5D%7D,langsmith-tags=a%2Cb,langsmith-project=my%20proj";

    private const string Foreign =
        "userId=alice;ttl=30, langsmith-project = x ,langsmith-address=lrn%3Aagents%2Fa%2Fenvironments%2Flocal,langsmith-sampled=0";

    // Fragments that mean something to a parser, so that mutation gets past the first check.
    private static readonly string[] Fragments =
        ["", ",", ";", "=", "%", "%2", "%C3", "%22", "%5Cud800", ".", "Z", "T", " ", "\t", "\r\n", "\0", "é", "😀", "\ud800", "{", "}", "[", "\"", "langsmith-", "metadata=", "99", "-"];

    /// <summary>50,000 normally, a million where <c>.ci/run --long</c> asks for it.</summary>
    internal static int DecoderIterations => Environment.GetEnvironmentVariable("LANGSMITH_HTTP_LONG") == "1" ? 1_000_000 : 50_000;

    internal static Arbitrary<(string Trace, string Baggage)> NoiseHeaders() =>
        (from trace in Noise() from baggage in Noise() select (trace, baggage)).ToArbitrary();

    internal static Arbitrary<(string Trace, string Baggage)> MutatedHeaders() =>
        (from trace in Mutated(Gen.Constant(Trace)) from baggage in Mutated(Gen.Elements(Baggage, Foreign)) select (trace, baggage)).ToArbitrary();

    internal static Arbitrary<string> MutatedBaggage() =>
        Gen.OneOf(Mutated(Gen.Elements(Baggage, Foreign)), Noise()).ToArbitrary();

    internal static Arbitrary<Identity> Identities() =>
        (from project in Text()
         from tags in Text().ArrayOf()
         from keys in Text().ArrayOf()
         from values in Value().ArrayOf(keys.Length)
         from depth in Gen.Choose(1, 6)
         select new Identity(project, tags, keys.Zip(values).DistinctBy(static pair => pair.First).ToDictionary(static pair => pair.First, static pair => (object?)pair.Second), depth)).ToArbitrary();

    /// <summary>Somebody else's baggage: nothing that an HTTP header may not hold, nothing of ours.</summary>
    internal static Gen<string> ForeignMember() =>
        from key in Gen.Elements("userId", "tenant", "k", "x-langsmith-project", "serverNode")
        from value in Gen.Elements("", "alice", "a=b", "100%25", "DF%2028", "\"q\"", "x y", "é", "v;ttl=30", "v;ttl=30;p")
        from padding in Gen.Choose(0, 400)
        select $"{key}={value}{new string('x', padding)}";

    internal static RunContext Context(Identity identity, string? address = null) =>
        Context(identity.Depth, identity.Project, address, identity.Tags, PayloadSerializer.SerializeAll(identity.Metadata));

    internal static RunContext Context(int depth, string? project, string? address, string[] tags, IReadOnlyDictionary<string, JsonElement> metadata)
    {
        string? dottedOrder = null;
        for (var i = 0; i < depth; i++)
            dottedOrder = DottedOrder.Append(dottedOrder, DateTime.UnixEpoch.AddSeconds(i), RunClock.NewId(DateTime.UnixEpoch.AddSeconds(i)));
        Assert.That(DottedOrder.TryParse(dottedOrder, DateTimeOffset.UtcNow, out var parsed), Is.EqualTo(ExtractResult.Extracted));
        return new RunContext(
            new RunIdentity(parsed.TraceId, parsed.RunId, parsed.ParentRunId, dottedOrder!, parsed.EarliestChildStart, project, address), tags, metadata);
    }

    private static Gen<string> Noise() => Gen.OneOf(
        Gen.Choose(0, 255).ArrayOf().Select(static bytes => Encoding.Latin1.GetString([.. bytes.Select(static value => (byte)value)])),
        Gen.Choose(0, char.MaxValue).ArrayOf().Select(static chars => new string([.. chars.Select(static value => (char)value)])),
        Gen.Elements(Fragments).ArrayOf().Select(string.Concat));

    private static Gen<string> Mutated(Gen<string> valid) =>
        from text in valid
        from count in Gen.Choose(0, 6)
        from edits in (from at in Gen.Choose(0, 10_000)
                       from cut in Gen.Elements(0, 0, 1, 1, 2, 10, 60)
                       from put in Gen.OneOf(Gen.Elements(Fragments), Gen.Choose(0, char.MaxValue).Select(static value => ((char)value).ToString()))
                       select (at, cut, put)).ArrayOf(count)
        select edits.Aggregate(text, static (text, edit) =>
        {
            var at = edit.at % (text.Length + 1);
            return string.Concat(text.AsSpan(0, at), edit.put, text.AsSpan(Math.Min(text.Length, at + edit.cut)));
        });

    private static Gen<string> Text() => Gen.OneOf(
        Gen.Choose(0, char.MaxValue).Select(static value => (char)value).ArrayOf().Select(static chars => new string(chars)),
        Gen.Choose(0, 127).Select(static value => (char)value).ArrayOf().Select(static chars => new string(chars)),
        Gen.Elements(Fragments).ArrayOf().Select(string.Concat));

    private static Gen<object?> Value() => Gen.OneOf(
        Text().Select(static text => (object?)text),
        Gen.Choose(int.MinValue, int.MaxValue).Select(static value => (object?)value),
        Gen.Choose(-1000, 1000).Select(static value => (object?)(value / 7.0)),
        Gen.Elements<object?>(null, true, false),
        Text().ArrayOf().Select(static texts => (object?)texts),
        Text().Select(static text => (object?)new Dictionary<string, object?> { [text] = new object?[] { text, null } }));
}
