using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace LangSmith.Http.Tests.Runs;

/// <summary>What becomes of the objects users hand over.</summary>
public class PayloadTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    private static IEnumerable<TestCaseData> Shapes()
    {
        yield return new TestCaseData(new { A = 1, BigName = "x" }, """{"a":1,"bigName":"x"}""").SetArgDisplayNames("object");
        yield return new TestCaseData(new Dictionary<string, object?> { ["Key"] = 1, ["n"] = null }, """{"Key":1,"n":null}""").SetArgDisplayNames("dictionary");
        yield return new TestCaseData(JsonDocument.Parse("""{ "x": [1, 2] }""").RootElement, """{ "x": [1, 2] }""").SetArgDisplayNames("json");
        yield return new TestCaseData("text <é> 日本", """{"KEY":"text <é> 日本"}""").SetArgDisplayNames("string");
        yield return new TestCaseData(42, """{"KEY":42}""").SetArgDisplayNames("int");
        yield return new TestCaseData(true, """{"KEY":true}""").SetArgDisplayNames("bool");
        yield return new TestCaseData(DayOfWeek.Friday, """{"KEY":"Friday"}""").SetArgDisplayNames("enum");
        yield return new TestCaseData(new[] { 1, 2 }, """{"KEY":[1,2]}""").SetArgDisplayNames("array");
        yield return new TestCaseData(new List<string> { "a" }, """{"KEY":["a"]}""").SetArgDisplayNames("list");
        yield return new TestCaseData(double.NaN, """{"KEY":"NaN"}""").SetArgDisplayNames("NaN");
        yield return new TestCaseData(new { X = double.PositiveInfinity }, """{"x":"Infinity"}""").SetArgDisplayNames("infinity inside");
        yield return new TestCaseData(default(JsonElement), """{"KEY":null}""").SetArgDisplayNames("undefined json");
        yield return new TestCaseData(JsonDocument.Parse("\"\\ud800\"").RootElement, "{\"KEY\":\"\\ud800\"}").SetArgDisplayNames("lone surrogate in json");
    }

    private static IEnumerable<TestCaseData> BrokenJson()
    {
        var withComments = JsonDocument.Parse("{ \"a\": 1, /* why */ \"b\": [2,], }", new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        yield return new TestCaseData(withComments.RootElement, """{"a":1,"b":[2]}""").SetArgDisplayNames("comments and trailing commas");
        yield return new TestCaseData(new Silent(), "Silent").SetArgDisplayNames("converter that writes nothing");
        yield return new TestCaseData(new Torn(), "Torn").SetArgDisplayNames("converter that writes half a value");
    }

    [TestCaseSource(nameof(BrokenJson))]
    public void Payload_ThatIsNoStrictJson_NeverFailsTheCall(object value, string expected)
    {
        var result = _tracer.Run(
            "run",
            run =>
            {
                run.AddMetadata("added", value);
                run.AddEvent("event", value);
                return value;
            },
            value,
            new RunOptions { Metadata = [new("given", value)] });

        Assert.That(result, Is.SameAs(value).Or.EqualTo(value));
        var run = _recorder.Runs.Single();
        foreach (var json in (string?[])[run.Inputs.Text(), run.Outputs.Text(), run.Metadata["added"].GetRawText(), run.Metadata["given"].GetRawText(), run.Events[0].Payload.Text()])
            Assert.That(json, Does.Contain(expected));
        using (TracingContext.With(metadata: [new("with", value)]))
            Assert.That(_tracer.Run("below", static run => run.Metadata["with"].GetRawText()), Does.Contain(expected));
    }

    [JsonConverter(typeof(Writes))]
    private sealed class Silent;

    [JsonConverter(typeof(Writes))]
    private sealed class Torn;

    private sealed class Writes : JsonConverter<object>
    {
        public override bool CanConvert(Type typeToConvert) => true;

        public override object Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options)
        {
            if (value is Torn)
                writer.WriteRawValue("{\"half\":", skipInputValidation: true);
        }
    }

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TestCaseSource(nameof(Shapes))]
    public void InputsAndOutputs_AnyValue_AreObjects(object value, string expected)
    {
        using (var scope = _tracer.StartRun("run", value))
            scope.Run.End(value);

        var run = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(run.Inputs.Text(), Is.EqualTo(expected.Replace("KEY", "input", StringComparison.Ordinal)));
            Assert.That(run.Outputs.Text(), Is.EqualTo(expected.Replace("KEY", "output", StringComparison.Ordinal)));
        });
    }

    [Test]
    public void Payloads_ChangedAfterTheHandOver_StayAsTheyWere()
    {
        var inputs = new Dictionary<string, object?> { ["n"] = 1 };
        var list = new List<int> { 1 };
        var document = JsonDocument.Parse("""{"from":"document"}""");
        using (var scope = _tracer.StartRun("run", inputs))
        {
            scope.Run.AddMetadata("list", list);
            scope.Run.AddEvent("event", list);
            scope.Run.SetOutputs(document.RootElement);
            inputs["n"] = 2;
            list.Add(2);
            document.Dispose();
        }

        var run = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(run.Inputs.Text(), Is.EqualTo("""{"n":1}"""));
            Assert.That(run.Metadata["list"].GetRawText(), Is.EqualTo("[1]"));
            Assert.That(run.Events[0].Payload.Text(), Is.EqualTo("[1]"));
            Assert.That(run.Outputs.Text(), Is.EqualTo("""{"from":"document"}"""));
        });
    }

    [Test]
    public void Payloads_ThatCannotBeSerialised_BecomeTheirTypesNameAndAreCounted()
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        var tracer = Recording.Tracer(_recorder, logger: logger);
        var disposed = JsonDocument.Parse("1");
        var element = disposed.RootElement;
        disposed.Dispose();

        using (var scope = tracer.StartRun("run", new Unreadable()))
        {
            scope.Run.AddMetadata("stream", Stream.Synchronized(Stream.Null));
            scope.Run.AddMetadata("disposed", element);
            scope.Run.End(new Unreadable());
        }

        var run = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(run.Inputs.Text(), Is.EqualTo("""{"input":"Unreadable"}"""));
            Assert.That(run.Outputs.Text(), Is.EqualTo("""{"output":"Unreadable"}"""));
            Assert.That(run.Metadata["stream"].GetString(), Is.EqualTo("SyncStream"));
            Assert.That(run.Metadata["disposed"].GetString(), Is.EqualTo("(threw ObjectDisposedException)"));
            Assert.That(faults["not_serializable"], Is.EqualTo(4));
            Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains(typeof(Unreadable).FullName), "logged once");
        });
    }

    [Test]
    public void Payloads_WithCycles_EndWhereTheyCloseAndOthersStay()
    {
        var node = new Node { Name = "a" };
        node.Next = node;

        _tracer.StartRun("run", node).Dispose();

        Assert.That(_recorder.Single("run").Inputs.Text(), Is.EqualTo("""{"name":"a","next":null}"""));
    }

    [TestCase(64)]
    [TestCase(500)]
    public void Payloads_OfDeepJson_AreTakenAsTheyAre(int depth)
    {
        var json = new string('[', depth) + new string(']', depth);
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = depth });

        using (var scope = _tracer.StartRun("run", document.RootElement))
            scope.Run.AddMetadata("deep", document.RootElement);

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("run").Inputs.Text(), Is.EqualTo($$"""{"input":{{json}}}"""));
            Assert.That(_recorder.Single("run").Metadata["deep"].GetRawText(), Is.EqualTo(json));
        });
    }

    [Test]
    public void Payloads_ThatAreWorkToBeDone_AreNotConsumed()
    {
        var steps = 0;
        var unfinished = new TaskCompletionSource<int>();
        IEnumerable<int> Iterator()
        {
            steps++;
            yield return 1;
        }

        var lazy = new List<int> { 1 }.Select(n => n + ++steps);
        using var stream = new MemoryStream([1, 2, 3]);
        object[] work =
        [
            unfinished.Task, new ValueTask<int>(unfinished.Task), lazy, lazy.Where(n => n > 0).OrderBy(n => n), Iterator(),
            lazy.AsQueryable(), stream, new Func<int>(() => ++steps),
        ];

        foreach (var item in work)
        {
            using var scope = _tracer.StartRun("run", item);
            scope.Run.AddEvent("event", item);
            scope.Run.End(item);
        }

        Assert.Multiple(() =>
        {
            Assert.That(steps, Is.Zero);
            Assert.That(stream.Position, Is.Zero);
            Assert.That(
                _recorder.Runs.Select(run => run.Inputs!.Value.GetProperty("input").GetString()),
                Is.EqualTo(work.Select(static item => TypeNames.Get(item.GetType()))));
        });
    }

    // Reading the task's Result would block the traced call until the task is done, which may be for ever.
    [Test]
    [CancelAfter(20_000)]
    public void Payloads_WithWorkInside_AreRecordedWithoutWaitingForIt(CancellationToken cancellationToken)
    {
        var unfinished = new TaskCompletionSource<int>();
        var asked = 0;
        using var stream = new MemoryStream([1, 2, 3]);
        var inputs = new
        {
            Question = "why?",
            Task = unfinished.Task,
            Any = (object)unfinished.Task,
            Value = new ValueTask<int>(unfinished.Task),
            Many = new[] { unfinished.Task },
            Query = Counted(() => ++asked).AsQueryable(),
            Stream = stream,
            Callback = new Func<int>(() => ++asked),
            CancellationToken = cancellationToken,
        };
        // Where this is not so, the call never comes back: then the test ends the wait.
        using var giveUp = cancellationToken.Register(() => unfinished.TrySetCanceled(CancellationToken.None));

        _tracer.StartRun("run", inputs).Dispose();

        var recorded = _recorder.Single("run").Inputs!.Value;
        Assert.Multiple(() =>
        {
            Assert.That(unfinished.Task.IsCompleted, Is.False);
            Assert.That(asked, Is.Zero);
            Assert.That(recorded.GetProperty("question").GetString(), Is.EqualTo("why?"));
            Assert.That(recorded.GetProperty("task").GetString(), Is.EqualTo("Task<Int32>"));
        });
    }

    [Test]
    public void JsonSerializerOptions_OfTheUser_AreUsedAndStillKnowOtherTypes()
    {
        var tracer = new LangSmithTracer(_recorder, new LangSmithOptions
        {
            Tracing = true,
            JsonSerializerOptions = new JsonSerializerOptions
            {
                PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseUpper,
                Converters = { new JsonStringEnumConverter() },
                TypeInfoResolver = JsonTypeInfoResolver.Combine(),
            },
        });

        tracer.StartRun("run", new { FirstDay = DayOfWeek.Friday }).Dispose();

        Assert.That(_recorder.Single("run").Inputs.Text(), Is.EqualTo("""{"FIRST_DAY":"Friday"}"""));
    }

    private static IEnumerable<int> Counted(Func<int> next)
    {
        yield return next();
    }

    private sealed class Node
    {
        public string? Name { get; init; }

        public Node? Next { get; set; }
    }

    private sealed class Unreadable : IEnumerable
    {
        public IEnumerator GetEnumerator() => throw new InvalidOperationException("not readable");
    }
}
