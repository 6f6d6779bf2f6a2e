using System.Text.Json;

namespace LangSmith.Http.Tests.Runs;

/// <summary>What is said about one run stays on it, and what may be changed until it ends.</summary>
public class RunFactsTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    private static readonly string[] Facts =
    [
        "usage_metadata", "ls_provider", "ls_model_name", "ls_model_type", "ls_temperature", "ls_max_tokens", "ls_stop", "ls_invocation_params",
        "ls_message_format", "ls_agent_type", "ls_is_error_interrupt",
    ];

    [TestCaseSource(nameof(Facts))]
    public void Metadata_AFactAboutARun_IsReportedByItAndNotHandedDown(string key)
    {
        using (var scope = _tracer.StartRun("given", options: new RunOptions { Metadata = [new(key, 1), new("team", "a")] }))
            CheckStays(scope.Run);
        using (var scope = _tracer.StartRun("added"))
        {
            scope.Run.AddMetadata("team", "a");
            scope.Run.AddMetadata(key, 1);
            CheckStays(scope.Run);
        }

        using (TracingContext.With(metadata: [new(key, 1), new("team", "a")]))
        using (var scope = _tracer.StartRun("surrounded"))
            CheckStays(scope.Run);

        void CheckStays(RunTree run)
        {
            using var child = _tracer.StartRun(run.Name + "'s child");
            run.End();
            Assert.Multiple(() =>
            {
                Assert.That(run.Metadata.Keys, Is.EquivalentTo(new[] { "team", key }));
                Assert.That(run.Context.Metadata.Keys, Is.EqualTo(new[] { "team" }), "nor to the next service");
                Assert.That(child.Run.Metadata.Keys, Is.EqualTo(new[] { "team" }));
                Assert.That(_recorder.Single(run.Name).Metadata[key].GetInt32(), Is.EqualTo(1));
                Assert.That(_recorder.Single(child.Run.Name).Metadata.Keys, Is.EqualTo(new[] { "team" }));
            });
        }
    }

    [TestCaseSource(nameof(Facts))]
    public void Metadata_AFactInTheCallersHeaders_IsNotTakenOver(string key)
    {
        var caller = Recording.Remote("langsmith-metadata=" + Uri.EscapeDataString($$"""{"{{key}}":1,"thread_id":"t","ls_method":"traceable"}"""));
        using var run = _tracer.StartRun("run", options: new RunOptions { Parent = caller });

        Assert.That(run.Run.Metadata.Keys, Is.EquivalentTo(new[] { "thread_id", "ls_method" }));
    }

    [Test]
    public void OwnMetadata_OfTheUser_StaysAndWins()
    {
        using var run = _tracer.StartRun("run", options: new RunOptions
        {
            Metadata = [new("both", "handed down"), new("down", 1)],
            OwnMetadata = [new("both", "own"), new("own", 1)],
        });
        run.Run.AddMetadata("added", 1, inherit: false);
        using var child = _tracer.StartRun("child");

        Assert.Multiple(() =>
        {
            Assert.That(run.Run.Metadata.Keys, Is.EquivalentTo(new[] { "both", "down", "own", "added" }));
            Assert.That(run.Run.Metadata["both"].GetString(), Is.EqualTo("own"));
            Assert.That(child.Run.Metadata.Keys, Is.EquivalentTo(new[] { "both", "down" }));
            Assert.That(child.Run.Metadata["both"].GetString(), Is.EqualTo("handed down"));
        });

        run.Run.AddMetadata("both", "now for all");
        Assert.That(run.Run.Metadata["both"].GetString(), Is.EqualTo("now for all"));
        Assert.That(run.Run.Context.Metadata["both"].GetString(), Is.EqualTo("now for all"));
    }

    [Test]
    public void OwnMetadata_IsShownToTheRedactor()
    {
        var tracer = Recording.Tracer(_recorder, redactor: new NoMetadata());

        using (var run = tracer.StartRun("run", options: new RunOptions { OwnMetadata = [new("secret", 1)] }))
            run.Run.AddMetadata("secret", 1, inherit: false);

        Assert.That(_recorder.Single("run").Metadata, Is.Empty);
    }

    [Test]
    public void NameAndRunType_ChangedBeforeTheEnd_AreReported()
    {
        using var faults = new FaultCounter();
        using var scope = _tracer.StartRun("POST /chat");
        var run = scope.Run;
        run.Name = "answer";
        run.RunType = RunTypes.Llm;
        run.Name = " ";
        run.RunType = null!;
        run.End();
        run.Name = "too late";

        Assert.Multiple(() =>
        {
            Assert.That((run.Name, run.RunType), Is.EqualTo(("answer", "llm")));
            Assert.That((_recorder.Runs.Single().Name, _recorder.Runs.Single().RunType), Is.EqualTo(("answer", "llm")));
            Assert.That((faults["bad_argument"], faults["edit_after_end"]), Is.EqualTo((2, 1)));
        });
    }

    [Test]
    public async Task ProcessInputsAndOutputs_AreAskedAboutWhatIsRecorded()
    {
        var options = new RunOptions
        {
            ProcessInputs = static inputs => new { seen = inputs is IReadOnlyDictionary<string, object?> named ? named["q"] : inputs },
            ProcessOutputs = static result => new { length = ((string)result!).Length },
        };

        await _tracer.RunAsync("async", static _ => Task.FromResult("four"), "in", options);
        _tracer.Run("sync", static _ => "four", "in", options);
        _tracer.Traceable((string q) => q, "wrapped", options)("in!!");
        _tracer.Run("explicit", static run =>
        {
            run.SetOutputs("mine");
            return "four";
        }, "in", options);
        await foreach (var unused in _tracer.TraceStream(Stream(), "stream", string.Concat, "in", options))
        {
        }

        Assert.Multiple(() =>
        {
            foreach (var name in new[] { "async", "sync", "wrapped", "stream" })
                Assert.That(_recorder.Single(name).Outputs.Text(), Is.EqualTo("""{"length":4}"""), name);
            foreach (var name in new[] { "async", "sync", "stream", "explicit" })
                Assert.That(_recorder.Single(name).Inputs.Text(), Is.EqualTo("""{"seen":"in"}"""), name);
            Assert.That(_recorder.Single("wrapped").Inputs.Text(), Is.EqualTo("""{"seen":"in!!"}"""));
            Assert.That(_recorder.Single("explicit").Outputs.Text(), Is.EqualTo("""{"output":"mine"}"""));
        });

        static async IAsyncEnumerable<string> Stream()
        {
            await Task.Yield();
            yield return "fo";
            yield return "ur";
        }
    }

    [Test]
    public void ProcessInputsAndOutputs_Throw_TheValuesAreWithheldAndTheCallGoesOn()
    {
        using var faults = new FaultCounter();
        var options = new RunOptions { ProcessInputs = static _ => throw new IOException(), ProcessOutputs = static _ => throw new IOException() };

        Assert.That(_tracer.Run("run", static _ => "secret", "secret", options), Is.EqualTo("secret"));
        Assert.That(_tracer.Traceable(static (string q) => q, "wrapped", options)("secret"), Is.EqualTo("secret"));

        foreach (var run in _recorder.Runs)
        {
            Assert.That(run.Inputs.Text(), Is.EqualTo("""{"input":"(withheld: processing failed)"}"""));
            Assert.That(run.Outputs.Text(), Is.EqualTo("""{"output":"(withheld: processing failed)"}"""));
        }

        Assert.That(faults["callback_failed"], Is.EqualTo(4));
    }

    private sealed class NoMetadata : IRunRedactor
    {
        public JsonElement Redact(RunPart part, JsonElement value) => part == RunPart.Metadata ? JsonDocument.Parse("{}").RootElement : value;
    }
}
