using System.Text;
using System.Text.Json;
using Grpc.Core;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>Everything that has headers carries a run: written, read, and merged with what others wrote.</summary>
public class CarrierTests
{
    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001.20231114T221321123456Z018bcfe5-6c63-7000-8000-000000000002";
    private const string Baggage = "langsmith-metadata=%7B%22user%22%3A%22u%20%C3%A9%22%7D,langsmith-tags=a%2Cb,langsmith-project=my%20project";

    private static RunContext Run => RunContext.FromHeaders(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Baggage })!;

    [TestCase("langsmith-trace", "baggage")]
    [TestCase("Langsmith-Trace", "Baggage")]
    [TestCase("LANGSMITH-TRACE", "BAGGAGE")]
    public void FromHeaders_DictionaryInAnyCase_ReadsTheRun(string trace, string baggage) =>
        AssertIsRun(RunContext.FromHeaders(new Dictionary<string, string> { ["accept"] = "*/*", [trace] = Trace, [baggage] = Baggage }));

    [TestCase("langsmith-trace")]
    [TestCase("baggage")]
    [TestCase("accept")]
    public void FromHeaders_ANameWithoutAList_ReadsTheOthers(string name)
    {
        KeyValuePair<string, IEnumerable<string>>[] headers = [new(name, null!), new("langsmith-trace", [Trace]), new("baggage", [Baggage])];

        AssertIsRun(RunContext.FromHeaders(headers));
    }

    [Test]
    public void FromHeaders_HttpRequestHeaders_ReadsTheRun()
    {
        using var request = new HttpRequestMessage();
        request.Headers.Add("Langsmith-Trace", Trace);
        request.Headers.Add("Baggage", "userId=alice;ttl=30");
        request.Headers.Add("Baggage", Baggage);
        AssertIsRun(RunContext.FromHeaders(request.Headers));
    }

    [Test]
    public void Inject_HttpRequestHeaders_IsReadBack()
    {
        using var request = new HttpRequestMessage();
        Run.Inject(request.Headers, static (headers, name, value) =>
        {
            headers.Remove(name);
            // Add throws on what may not be in a header.
            headers.Add(name, value);
        });

        Assert.That(request.Headers.GetValues("langsmith-trace"), Is.EqualTo(new[] { Trace }));
        AssertIsRun(RunContext.TryExtract(request.Headers, static (headers, name) => headers.TryGetValues(name, out var values) ? values : null, out var read) ? read : null);
    }

    [Test]
    public void Inject_GrpcMetadata_IsReadBack()
    {
        var metadata = new Metadata { { "baggage", "userId=alice" }, { "trace-bin", new byte[] { 1 } } };
        Run.Inject(metadata, SetGrpc, GetGrpc);

        Assert.That(metadata.GetAll("baggage").Select(static entry => entry.Value), Is.EqualTo(new[] { Baggage + ",userId=alice" }));
        AssertIsRun(RunContext.TryExtract(metadata, GetGrpc, out var read) ? read : null);

        static void SetGrpc(Metadata metadata, string name, string value)
        {
            foreach (var entry in metadata.GetAll(name).ToArray())
                metadata.Remove(entry);
            metadata.Add(name, value);
        }

        static IEnumerable<string?> GetGrpc(Metadata metadata, string name) => metadata.GetAll(name).Select(static entry => entry.Value);
    }

    [Test]
    public void Inject_QueueProperties_AreReadBackAsStringsAndAsBytes()
    {
        IDictionary<string, object> strings = new Dictionary<string, object> { ["attempt"] = 1 };
        Run.Inject(strings, static (properties, name, value) => properties[name] = value);
        IDictionary<string, object> bytes = new Dictionary<string, object> { ["attempt"] = 1 };
        Run.Inject(bytes, static (properties, name, value) => properties[name] = Encoding.UTF8.GetBytes(value));

        AssertIsRun(RunContext.TryExtract(strings, GetProperty, out var fromStrings) ? fromStrings : null);
        AssertIsRun(RunContext.TryExtract(bytes, GetProperty, out var fromBytes) ? fromBytes : null);

        static IEnumerable<string?>? GetProperty(IDictionary<string, object> properties, string name) => properties.TryGetValue(name, out var value)
            ? [value as string ?? Encoding.UTF8.GetString((byte[])value)]
            : null;
    }

    [Test]
    public void ToHeaders_ThroughJson_IsReadBackInAnotherProcess()
    {
        var json = JsonSerializer.Serialize(Run.ToHeaders());
        AssertIsRun(RunContext.FromHeaders(JsonSerializer.Deserialize<Dictionary<string, string>>(json)));
    }

    [Test]
    public void ToHeaders_ReceivedRun_IsForwardedAsItCame() =>
        Assert.That(Run.ToHeaders(), Is.EqualTo(new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Baggage }));

    [Test]
    public void ToHeaders_AnyCase_IsFound()
    {
        var headers = Run.ToHeaders();
        Assert.That(headers.ContainsKey("Langsmith-Trace") && headers.ContainsKey("BAGGAGE"), Is.True);
    }

    [Test]
    public void Inject_WithGetter_KeepsForeignBaggageBehindOurs()
    {
        var carrier = new Dictionary<string, string[]>
        {
            ["baggage"] = ["userId=alice;ttl=30;p , langsmith-project=stale,k = v", "Langsmith-Tags=stale", "q=\"x y\",noValue,u=é"],
        };
        Run.Inject(carrier, static (to, name, value) => to[name] = [value], static (from, name) => from.GetValueOrDefault(name));
        Assert.That(carrier["baggage"], Is.EqualTo(new[] { Baggage + ",userId=alice;ttl=30;p,k = v,q=\"x y\",noValue,u=é" }));
    }

    [Test]
    public void Inject_WithoutGetter_AsksForNothingAndReplaces()
    {
        var carrier = new Dictionary<string, string> { ["baggage"] = "userId=alice" };
        Run.Inject(carrier, static (to, name, value) => to[name] = value);
        Assert.That(carrier["baggage"], Is.EqualTo(Baggage));
    }

    [Test]
    public void Inject_RunWithNothingToSay_ClearsWhatAnEarlierRunLeft()
    {
        var carrier = new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Baggage };
        var bare = RunContext.FromDottedOrder("20231114T221320123456Z018bcfe5-687b-7000-8000-000000000009")!;

        bare.Inject(carrier, static (to, name, value) => to[name] = value, static (from, name) => from.TryGetValue(name, out var value) ? [value] : null);

        var read = RunContext.FromHeaders(carrier)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.RunId, Is.EqualTo(bare.RunId));
            Assert.That(read.Project, Is.Null);
            Assert.That(read.Tags, Is.Empty);
            Assert.That(read.Metadata, Is.Empty);
        }
    }

    [Test]
    public void Inject_NotSampledIntoCarrierWithTrace_IsReadAsNotSampled()
    {
        var carrier = new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Baggage + ",userId=alice" };

        RunContext.NotSampled.Inject(carrier, static (to, name, value) => to[name] = value, static (from, name) => from.TryGetValue(name, out var value) ? [value] : null);

        Assert.That(carrier["baggage"], Is.EqualTo("langsmith-sampled=0,userId=alice"));
        Assert.That(RunContext.FromHeaders(carrier)!.IsSampled, Is.False);
    }

    [Test]
    public void Inject_WithoutRun_TouchesNothing()
    {
        var carrier = new Dictionary<string, string> { ["langsmith-trace"] = Trace, ["baggage"] = Baggage };
        RunContext.Nothing.Inject(carrier, static (_, _, _) => Assert.Fail("called"));
        Assert.That(RunContext.Nothing.ToHeaders(), Is.Empty);
    }

    [Test]
    public void Inject_Names_AreLowerCaseAndAtMostTwo()
    {
        var names = new List<string>();
        Run.Inject(names, static (to, name, _) => to.Add(name));
        Assert.That(names, Is.EqualTo(new[] { "langsmith-trace", "baggage" }));
    }

    [Test]
    public void InjectAndTryExtract_NullDelegate_Throws()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => Run.Inject<object?>(null, null!), Throws.ArgumentNullException);
            Assert.That(static () => RunContext.TryExtract<object?>(null, null!, out _), Throws.ArgumentNullException);
        }
    }

    private static void AssertIsRun(RunContext? context)
    {
        Assert.That(context, Is.Not.Null);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(context!.DottedOrder, Is.EqualTo(Trace));
            Assert.That(context.TraceId, Is.EqualTo(Guid.Parse("018bcfe5-687b-7000-8000-000000000001")));
            Assert.That(context.RunId, Is.EqualTo(Guid.Parse("018bcfe5-6c63-7000-8000-000000000002")));
            Assert.That(context.ParentRunId, Is.EqualTo(context.TraceId));
            Assert.That(context.Project, Is.EqualTo("my project"));
            Assert.That(context.Tags, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(context.Metadata["user"].GetString(), Is.EqualTo("u é"));
            Assert.That(context.IsSampled, Is.True);
        }
    }
}
