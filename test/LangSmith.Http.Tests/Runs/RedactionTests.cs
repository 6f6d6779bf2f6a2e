using System.Text;
using System.Text.Json;

namespace LangSmith.Http.Tests.Runs;

/// <summary>The redactor sees everything before a header or a recorder does.</summary>
public class RedactionTests
{
    private const string Secret = "SECRET";

    // Everything a recorder can see and every header that can be built, at every moment.
    private readonly StringBuilder _seen = new();
    private LangSmithTracer _tracer = null!;

    private delegate JsonElement Redaction(RunPart part, JsonElement value);

    private static IEnumerable<TestCaseData> BrokenRedactors()
    {
        yield return Broken("throws", (_, _) => throw new InvalidOperationException("redactor"));
        yield return Broken("another kind", (_, _) => Json("42"));
        yield return Broken("nothing", (_, _) => default);
        yield return Broken("text nobody can read", (part, _) => Json(part switch
        {
            RunPart.Tags => "[\"\\ud800\"]",
            RunPart.Error => "\"\\ud800\"",
            RunPart.Metadata => "{\"\\ud800\":1}",
            _ => "[]",
        }));

        static TestCaseData Broken(string name, Redaction redact) => new TestCaseData(redact).SetArgDisplayNames(name);
    }

    [SetUp]
    public void SetUp()
    {
        _seen.Clear();
        _tracer = Tracer((_, value) => Json(value.GetRawText().Replace(Secret, "[gone]", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Redactor_SecretInEveryPart_ReachesNoRecorderAndNoHeader()
    {
        var remote = Recording.Remote("langsmith-metadata=%7B%22remote%22%3A%22SECRET%22%7D,langsmith-tags=remote-SECRET");
        using var parent = TracingContext.UseParent(remote);
        using var with = TracingContext.With(tags: ["context-SECRET"], metadata: [new("context", Secret)]);

        Assert.CatchAsync(() => _tracer.RunAsync(
            "run",
            run =>
            {
                run.AddMetadata("added", new { deep = new[] { Secret } });
                run.AddMetadata("key-SECRET", 1);
                run.AddTags("added-SECRET");
                run.AddEvent("event", "payload-SECRET");
                run.SetInputs(Secret);
                run.SetOutputs("outputs-SECRET");
                Look(run.Snapshot());
                _tracer.Run("child", child => Secret, new { Secret });
                throw new InvalidOperationException("error-SECRET", new FormatException("inner-SECRET"));
            },
            new { question = Secret },
            new RunOptions { Tags = ["own-SECRET"], Metadata = [new("own", Secret)] }));
        _tracer.Run("failed", run => run.Fail(Secret));
        await foreach (var unused in _tracer.TraceStream(Stream(), "stream"))
        {
        }

        Assert.Multiple(() =>
        {
            Assert.That(_seen.ToString(), Does.Not.Contain(Secret));
            foreach (var part in (string[])["remote", "context", "own", "added", "event", "question", "outputs", "error", "inner"])
                Assert.That(_seen.ToString(), Does.Contain(part), "it was there to be redacted");
        });

        static async IAsyncEnumerable<string> Stream()
        {
            await Task.Yield();
            yield return "element-SECRET";
        }
    }

    [Test]
    public void Redactor_InheritedParts_AreShownOnce()
    {
        var shown = new List<string>();
        _tracer = Tracer((part, value) =>
        {
            shown.Add($"{part} {value.GetRawText()}");
            return value;
        });
        using var scope = _tracer.StartRun("run", 1, new RunOptions { Metadata = [new("k", 1)], Tags = ["t"] });

        _tracer.StartRun("child").Dispose();

        Assert.That(shown, Is.EquivalentTo(new[] { """Inputs {"input":1}""", """Metadata {"k":1}""", """Tags ["t"]""" }));
    }

    [TestCaseSource(nameof(BrokenRedactors))]
    public void Redactor_Broken_WithholdsEveryPartAndIsCountedAndLoggedOnce(object redact)
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        _tracer = Tracer((Redaction)redact, logger);
        // JavaScript lets half a character through; it must not hurt either.
        using var parent = TracingContext.UseParent(Recording.Remote(
            "langsmith-metadata=" + Uri.EscapeDataString("{\"remote\":\"SECRET\",\"half\":\"\\ud800\"}") + ",langsmith-tags=SECRET"));

        using (var scope = _tracer.StartRun("run", Secret, new RunOptions { Metadata = [new("mine", Secret)] }))
        {
            scope.Run.AddMetadata("added", Secret);
            scope.Run.AddTags(Secret);
            scope.Run.SetOutputs(Secret);
            Look(scope.Run.Snapshot());
            scope.Run.Fail(Secret);
        }

        Assert.Multiple(() =>
        {
            Assert.That(_seen.ToString(), Does.Not.Contain(Secret).And.Not.Contain("mine").And.Not.Contain("remote"));
            Assert.That(_seen.ToString(), Does.Contain("""{"input":"(withheld: the redactor failed)"}"""));
            Assert.That(_seen.ToString(), Does.Contain("""{"output":"(withheld: the redactor failed)"}"""));
            Assert.That(_seen.ToString(), Does.Contain("error=(withheld: the redactor failed)"));
            Assert.That(faults["redactor_failed"], Is.EqualTo(7));
            Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains("IRunRedactor.Redact"));
        });
    }

    [Test]
    public void Redactor_ThrowsOnAnEvent_LeavesItsPayloadOut()
    {
        _tracer = Tracer((part, value) => part == RunPart.Event ? throw new InvalidOperationException() : value);
        using var scope = _tracer.StartRun("run");

        scope.Run.AddEvent("event", Secret);

        Assert.That(scope.Run.Events.Single().Payload, Is.Null);
    }

    [Test]
    public void Redactor_NamesAKeyTwice_TheLastWins()
    {
        _tracer = Tracer((part, value) => part == RunPart.Metadata ? Json("""{"k":1,"k":2}""") : value);

        using var scope = _tracer.StartRun("run", options: new RunOptions { Metadata = [new("k", 0)] });

        Assert.That(scope.Run.Metadata["k"].GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public void Redactor_ThatKeepsItsDocument_MayDisposeIt()
    {
        JsonDocument? document = null;
        _tracer = Tracer((_, _) => (document = JsonDocument.Parse("""{"fine":1}""")).RootElement);
        using var scope = _tracer.StartRun("run", "in");

        document!.Dispose();

        Assert.That(scope.Run.Inputs.Text(), Is.EqualTo("""{"fine":1}"""));
    }

    private static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    private LangSmithTracer Tracer(Redaction redact, ListLogger? logger = null) =>
        Recording.Tracer(new DelegateRecorder { Start = Look, End = Look }, redactor: new DelegateRedactor(redact), logger: logger);

    private void Look(RunSnapshot run)
    {
        _seen.AppendLine(run.Inputs.Text()).AppendLine(run.Outputs.Text()).AppendLine("error=" + run.Error);
        foreach (var happened in run.Events)
            _seen.AppendLine(happened.Name + happened.Payload.Text());
        foreach (var tag in run.Tags)
            _seen.AppendLine(tag);
        foreach (var (key, value) in run.Metadata)
            _seen.AppendLine(key + value.GetRawText());
        foreach (var (name, value) in RunTree.Current?.ToHeaders() ?? new Dictionary<string, string>())
            _seen.AppendLine(name + Uri.UnescapeDataString(value));
    }

    private sealed class DelegateRedactor(Redaction redact) : IRunRedactor
    {
        public JsonElement Redact(RunPart part, JsonElement value) => redact(part, value);
    }
}
