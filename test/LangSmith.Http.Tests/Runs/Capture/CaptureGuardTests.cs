using System.Collections;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>What capture never does to a value, under the default options and the user's own.</summary>
[TestFixture]
public class CaptureGuardTests
{
    private static readonly JsonSerializerOptions Users = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static IEnumerable<TestCaseData> Options =>
    [
        new TestCaseData(PayloadSerializer.DefaultOptions).SetArgDisplayNames("default"),
        new TestCaseData(PayloadSerializer.WithResolver(Users)).SetArgDisplayNames("user's"),
    ];

    [TestCaseSource(nameof(Options))]
    public void Getters_OfAnObject_RunOnceAndNothingElseRuns(JsonSerializerOptions options)
    {
        var probe = new Probe();

        var json = Capture(probe, options);

        Assert.Multiple(() =>
        {
            Assert.That(probe.Reads, Is.EqualTo(new Dictionary<string, int> { ["Plain"] = 1, ["Throwing"] = 1, ["Sequence"] = 1, ["Lazy"] = 1, ["Large"] = 1 }));
            Assert.That(probe.Runs, Is.Empty);
            Assert.That(json, Does.Contain("\"(threw InvalidOperationException)\"").And.Contain("\"Lazy<Int32>\"").And.Contain("(cut:"));
        });
    }

    [TestCaseSource(nameof(Options))]
    public void Getters_OfASealedGraphThatDoesNotFit_RunOnce(JsonSerializerOptions options)
    {
        var counting = new Counting();

        Capture(new { counting, large = new string('x', 100_000) }, options);

        Assert.That(counting.Reads, Is.EqualTo(1));
    }

    [TestCaseSource(nameof(Options))]
    public void Sequences_WhereverTheyAre_AreNotRead(JsonSerializerOptions options)
    {
        var read = 0;
        IEnumerable<int> Items()
        {
            read++;
            yield return 1;
        }

        object[] values =
        [
            Items(), new { items = Items() }, new Dictionary<string, IEnumerable<int>> { ["a"] = Items() }, new List<object> { Items() },
            new[] { Items() }, new Tuple<IEnumerable<int>>(Items()), new Corpus.Holder { Items = Items() },
            new Extended { More = new() { ["a"] = Items() } },
            (Items(), 1), new Base<IEnumerable<int>> { Value = Items() }, new Queue<IEnumerable<int>>([Items()]),
            (IReadOnlyList<IEnumerable<int>>)[Items()],
        ];
        foreach (var value in values)
            Capture(value, options);

        Assert.That(read, Is.Zero);
    }

    [Test]
    public void Options_OfTheUser_KeepTheirContract()
    {
        var value = new
        {
            Level = Corpus.Level.High,
            Animals = new List<Corpus.Animal> { new Corpus.Dog { Name = "d" } },
            Fields = new Corpus.Fields { A = 1 },
            BigName = (1, 2),
        };

        Assert.That(
            Capture(value, PayloadSerializer.WithResolver(Users)),
            Is.EqualTo("""{"level":1,"animals":[{"name":"d"}],"fields":{},"big_name":{}}""").And.EqualTo(JsonSerializer.Serialize(value, Users)));
    }

    [Test]
    public void Options_OfTheUserWithConditionsAndConverters_KeepTheirContract()
    {
        var options = new JsonSerializerOptions
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            DictionaryKeyPolicy = JsonNamingPolicy.CamelCase,
            IgnoreReadOnlyProperties = true,
            IncludeFields = true,
            NumberHandling = JsonNumberHandling.WriteAsString,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower), new Shouting() },
        };
        object value = new Open
        {
            Any = new List<object> { 1, Corpus.Level.High, "text" },
            Map = new Dictionary<string, object?> { ["BigKey"] = 2, ["None"] = null },
            Levels = new Dictionary<Corpus.Level, object> { [Corpus.Level.High] = 1 },
            Days = new Dictionary<DateOnly, object> { [new DateOnly(2026, 1, 2)] = 1 },
            Extended = new Extended { More = new() { ["BigKey"] = 1 } },
            Fields = new Corpus.Fields { A = 3, B = "b" },
        };

        Assert.That(Capture(value, PayloadSerializer.WithResolver(options)), Is.EqualTo(JsonSerializer.Serialize(value, options)));
    }

    [Test]
    public void Converter_WithAFormOfNull_WritesIt()
    {
        var value = new Open();
        var options = new JsonSerializerOptions();

        Assert.Multiple(() =>
        {
            Assert.That(Capture(value, PayloadSerializer.WithResolver(options)), Is.EqualTo(JsonSerializer.Serialize(value, options)));
            Assert.That(Capture(value), Does.Contain("\"noValue\":\"<>\""));
        });
    }

    [Test]
    public void Options_OfTheUserThatPreserveReferences_WriteNoIds()
    {
        var options = PayloadSerializer.WithResolver(new JsonSerializerOptions { ReferenceHandler = ReferenceHandler.Preserve });

        Assert.That(
            Capture(new object[] { new Corpus.Point(1, 2), new Corpus.Node { Name = "n" } }, options),
            Is.EqualTo("""[{"X":1,"Y":2},{"Name":"n","Next":null}]"""));
    }

    [Test]
    public void Collection_ChangedWhileItIsRead_IsRecordedAsFarAsItWasRead()
    {
        var list = new List<object>();
        list.Add(new Changes(list));
        list.Add(1);

        Assert.That(Capture(list), Is.EqualTo("""[{"value":1},"(threw InvalidOperationException)"]"""));
    }

    [Test]
    public void Value_ThatStartsARunWhileItIsRead_IsRecordedWithIt()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder);

        tracer.StartRun("outer", new Nested(tracer)).Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Single("outer").Inputs.Text(), Is.EqualTo("""{"before":1,"value":"own","after":2}"""));
            Assert.That(recorder.Single("inner").Inputs.Text(), Is.EqualTo("""{"a":[1,2]}"""));
        });
    }

    [Test]
    public void Payload_OverItsBytes_IsCutCountedAndLoggedOnce()
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, MaxPayloadBytes = 16 * 1024 }, logger: logger);

        for (var i = 0; i < 2; i++)
            tracer.StartRun("run", new { q = "kept", text = new string('x', 100_000) }).Dispose();

        Assert.Multiple(() =>
        {
            Assert.That(recorder.Runs[0].Inputs.Text(), Has.Length.LessThan(17 * 1024).And.StartsWith("""{"q":"kept","text":"xxx""").And.EndsWith("""x(cut: 100000 characters)"}"""));
            Assert.That(faults["payload_cut"], Is.EqualTo(2));
            Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains("LangSmithOptions.MaxPayloadBytes (16384)"));
        });
    }

    [Test]
    public async Task Stream_OfManyElements_IsRecordedAsFarAsItFitsAndReadToItsEnd()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, MaxPayloadBytes = 16 * 1024 });
        var read = 0;

        await foreach (var item in tracer.TraceStream(Elements(), "stream"))
            read += item.Length / 1000;

        Assert.Multiple(() =>
        {
            Assert.That(read, Is.EqualTo(100));
            Assert.That(
                recorder.Single("stream").Outputs.Text(),
                Has.Length.InRange(15_000, 17 * 1024).And.EndsWith("""x","(cut: 84 more elements)"]}"""));
        });

        static async IAsyncEnumerable<string> Elements()
        {
            for (var i = 0; i < 100; i++)
            {
                await Task.Yield();
                yield return new string('x', 1000);
            }
        }
    }

    [Test]
    public void Arguments_OfATraceable_ShareOnePayload()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, MaxPayloadBytes = 16 * 1024 });
        var traced = tracer.Traceable((string first, string second, string third) => first.Length + second.Length + third.Length, "traced");

        traced(new string('a', 12_000), new string('b', 12_000), new string('c', 12_000));

        Assert.That(recorder.Single("traced").Inputs.Text(), Has.Length.LessThan(17 * 1024).And.Contains("b(cut: 12000 characters)"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Texts_FullOfCommas_AreNoValues(bool isClosed)
    {
        var texts = Enumerable.Repeat(new string(',', 100), 20_000).ToArray();

        var captured = PayloadSerializer.Serialize(isClosed ? texts : texts.ToArray<object>(), PayloadSerializer.DefaultOptions, PayloadSerializer.DefaultMaxBytes);
        var records = PayloadSerializer.Serialize(
            texts.Select(static text => (object)new Corpus.Record(text)).ToList(), PayloadSerializer.DefaultOptions,
            PayloadSerializer.DefaultMaxBytes);

        Assert.That((captured.IsCut, records.IsCut), Is.EqualTo((false, false)));
    }

    [Test]
    public void Error_OverItsBytes_IsCut()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, MaxPayloadBytes = 16 * 1024 });

        using (var scope = tracer.StartRun("run"))
            scope.Run.Fail(new string('e', 100_000));

        Assert.That(recorder.Single("run").Error, Has.Length.LessThan(17 * 1024).And.EndsWith("e(cut: 100000 characters)"));
    }

    [Test]
    public void Options_CopiedFromTheDefaults_KeepWhatTheDefaultsAdd()
    {
        var options = new LangSmithOptions();
        options.JsonSerializerOptions = new(options.JsonSerializerOptions) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

        Assert.That(
            Capture(new { BigName = Corpus.Level.High, Pair = (1, 2), Ip = System.Net.IPAddress.Loopback }, PayloadSerializer.WithResolver(options.JsonSerializerOptions)),
            Is.EqualTo("""{"big_name":"High","pair":{"item1":1,"item2":2},"ip":"127.0.0.1"}"""));
    }

    [TestCase(16 * 1024 - 1)]
    [TestCase(20_000_001)]
    public void MaxPayloadBytes_OutOfRange_IsRefusedAtStartUp(int bytes) => Assert.That(
        () => new LangSmithTracer(null, new LangSmithOptions { MaxPayloadBytes = bytes }),
        Throws.ArgumentException.With.Message.Contains($"MaxPayloadBytes is {bytes}. Set it to 16384 to 20000000"));

    [Test]
    public void Capture_Of100MegabytesOfText_AllocatesLittleMoreThanItKeeps()
    {
        var text = new string('x', 100_000_000);
        Capture(text);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Capture(text);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(6 * PayloadSerializer.DefaultMaxBytes));
    }

    [Test]
    public void Metadata_OfAScope_IsCapturedWithTheUsersOptions()
    {
        var recorder = new InMemoryRunRecorder();
        var tracer = new LangSmithTracer(recorder, new LangSmithOptions { Tracing = true, JsonSerializerOptions = Users });

        using (TracingContext.With(metadata: [new("k", new { BigName = 1 })]))
            tracer.StartRun("run").Dispose();

        Assert.That(recorder.Single("run").Metadata["k"].GetRawText(), Is.EqualTo("""{"big_name":1}"""));
    }

    private static string Capture(object? value, JsonSerializerOptions? options = null) => Encoding.UTF8.GetString(
        PayloadSerializer.Serialize(value, options ?? PayloadSerializer.DefaultOptions, options is null ? PayloadSerializer.DefaultMaxBytes : 50_000).Json);

    private sealed class Probe
    {
        internal Dictionary<string, int> Reads { get; } = [];

        internal List<string> Runs { get; } = [];

        public int Plain => Read(nameof(Plain), 1);

        public int Throwing => Read(nameof(Throwing), 0) == 0 ? throw new InvalidOperationException() : 0;

        public IEnumerable<int> Sequence => Read(nameof(Sequence), new Sequences(Runs));

        public Lazy<int> Lazy => Read(nameof(Lazy), new Lazy<int>(() =>
        {
            Runs.Add("factory");
            return 1;
        }));

        public string Large => Read(nameof(Large), new string('x', 60_000));

        private T Read<T>(string name, T value)
        {
            Reads[name] = Reads.GetValueOrDefault(name) + 1;
            return value;
        }
    }

    private sealed class Sequences(List<string> runs) : ICollection<int>, IReadOnlyList<int>
    {
        public int Count => Ran("Count");

        public bool IsReadOnly => Ran("IsReadOnly") == 0;

        public int this[int index] => Ran("item");

        public void Add(int item) => Ran("Add");

        public void Clear() => Ran("Clear");

        public bool Contains(int item) => Ran("Contains") == 0;

        public void CopyTo(int[] array, int arrayIndex) => Ran("CopyTo");

        public bool Remove(int item) => Ran("Remove") == 0;

        public IEnumerator<int> GetEnumerator()
        {
            Ran("GetEnumerator");
            yield break;
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        private int Ran(string name)
        {
            runs.Add(name);
            return 0;
        }
    }

    private sealed class Counting
    {
        internal int Reads { get; private set; }

        public int Value => ++Reads;
    }

    private sealed class Extended
    {
        [JsonExtensionData]
        public Dictionary<string, object>? More { get; set; }
    }

    private sealed class Base<T>
    {
        public T? Value { get; set; }
    }

    private sealed class Open
    {
        public object? Any { get; set; }

        public Dictionary<string, object?>? Map { get; set; }

        public Dictionary<Corpus.Level, object>? Levels { get; set; }

        public Dictionary<DateOnly, object>? Days { get; set; }

        public Extended? Extended { get; set; }

        public Corpus.Fields? Fields { get; set; }

        [JsonConverter(typeof(NullAsText))]
        public object? NoValue { get; set; }

        public string? Null { get; set; }

        public int ReadOnly { get; } = 1;
    }

    private sealed class Shouting : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToUpperInvariant());
    }

    private sealed class NullAsText : JsonConverter<object>
    {
        public override bool HandleNull => true;

        public override object? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, object value, JsonSerializerOptions options) =>
            writer.WriteStringValue($"<{value}>");
    }

    private sealed class Changes(List<object> list)
    {
        public int Value
        {
            get
            {
                list.Add(2);
                return 1;
            }
        }
    }

    private sealed class Nested(LangSmithTracer tracer)
    {
        public int Before { get; } = 1;

        public string Value
        {
            get
            {
                tracer.StartRun("inner", new { a = new object[] { 1, 2 } }).Dispose();
                return "own";
            }
        }

        public int After { get; } = 2;
    }
}
