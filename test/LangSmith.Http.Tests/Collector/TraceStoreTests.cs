using System.Text.Json;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>What is held, for how long, and how it is shown in words.</summary>
public sealed class TraceStoreTests : CollectorFixture
{
    [Test]
    public async Task Runs_OverTheBound_TakeTheOldestTraceWhole()
    {
        await RestartAsync(static options => options.MaxRuns = 5);
        SampleRun[] roots = [SampleRun.Root("a", 10), SampleRun.Root("b", 20), SampleRun.Root("c", 30)];
        foreach (var root in roots)
            await AcceptAsync(root, root.Child(number: (int)root.Id.ToByteArray()[15] + 1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Traces.Select(static trace => $"{trace.Name} {trace.Runs.Count}"), Is.EqualTo(["c 2", "b 2"]));
            Assert.That(Collector.DroppedRuns, Is.EqualTo(2));
            Assert.That(Collector.Problems, Is.Empty, "what went is no problem");
        }
    }

    [Test]
    public async Task Bytes_OverTheBound_TakeTheOldestTraceWhole()
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        for (var i = 1; i <= 4; i++)
            await AcceptAsync(SampleRun.Root($"{i}", i).With("inputs", new JsonObject { ["a"] = new string('a', 20_000) }));
        Assert.That(Collector.Traces.Select(static trace => trace.Name), Is.EqualTo(["4", "3", "2"]));
        Assert.That(Collector.DroppedRuns, Is.EqualTo(1));
    }

    [TestCase("name")]
    [TestCase("run_type")]
    [TestCase("session_name")]
    [TestCase("error")]
    public async Task Bytes_OfAnyText_Count(string field)
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        for (var i = 1; i <= 4; i++)
            await AcceptAsync(SampleRun.Root("run", i).With(field, new string((char)('a' + i), 12_000)));
        Assert.That(Collector.Traces, Has.Count.EqualTo(2), "two times 24,000 bytes and more");
    }

    [Test]
    public async Task Attachments_OverTheBound_TakeTheOldestTrace()
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        for (var i = 1; i <= 3; i++)
        {
            var root = SampleRun.Root($"{i}", i);
            Assert.That(await MultipartAsync(Part.Post(root), new($"attachment.{root.Id}.a", new string('a', 30_000), "text/plain")), Is.EqualTo(Answer.Accepted));
        }

        Assert.That(Collector.Traces.Select(static trace => trace.Name), Is.EqualTo(["3", "2"]));
    }

    [Test]
    public async Task Trace_LargerThanTheBound_KeepsItsBeginningAndSaysSo()
    {
        await RestartAsync(static options => options.MaxRuns = 3);
        var root = SampleRun.Root();
        await AcceptAsync([root.Post, .. Enumerable.Range(2, 9).Select(number => root.Child($"{number}", number, number).Post)]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Traces.Single().Runs.Select(static run => run.Name), Is.EqualTo(["root", "2", "3"]));
            Assert.That(Collector.DroppedRuns, Is.EqualTo(7));
            Assert.That(Collector.Problems.Select(static problem => $"{problem} ({problem.Count})"), Is.EqualTo(
                ["trace_too_large: The trace is larger than the collector holds (3 runs, 268,435,456 bytes): its last runs, or payloads, are dropped. Set LangSmithCollectorOptions.MaxRuns or MaxBytes. (7)"]));
        }

        await AcceptAsync(SampleRun.Root("next", 99));
        Assert.That(Collector.Traces.Select(static trace => trace.Name), Is.EqualTo(["next"]));
    }

    [Test]
    public async Task Run_LargerThanTheBound_LosesItsPayloadAndSaysSo()
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        await AcceptAsync(SampleRun.Root().With("error", new string('x', 70_000)));
        var root = Collector.Traces.Single().Runs.Single();
        Assert.That((root.Name, root.Status, root.Error, root.Inputs), Is.EqualTo(("root", RunStatus.Error, "(dropped)", (JsonElement?)null)));
        Assert.That(ProblemCodes(), Is.EqualTo(["trace_too_large"]));
        Assert.That(Collector.DroppedRuns, Is.Zero);
        await AcceptAsync(SampleRun.Root("next", 2));
        Assert.That(Collector.Traces, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Run_WhoseNameAloneIsLargerThanTheBound_IsDropped()
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        await AcceptAsync(SampleRun.Root().With("name", new string('n', 70_000)));
        Assert.That(Collector.Traces, Is.Empty);
        Assert.That(Collector.DroppedRuns, Is.EqualTo(1));
        Assert.That(ProblemCodes(), Is.EqualTo(["trace_too_large"]));
        await AcceptAsync(SampleRun.Root("next", 2));
        Assert.That(Collector.Traces, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Trace_WhoseRootEndsOverTheBound_KeepsTheRoot()
    {
        await RestartAsync(static options => options.MaxBytes = 65_536);
        var root = SampleRun.Root().Open();
        var children = Enumerable.Range(2, 3).Select(number => root.Child($"{number}", number, number).With("inputs", new JsonObject { ["q"] = new string('x', 18_000) })).ToArray();
        await AcceptAsync([root.Post, .. children.Select(static child => child.Post)]);
        await AcceptAsync([], Answered(root.Patch()));
        // Of what was dropped nothing comes back, neither as an end without a beginning nor again as a whole.
        await AcceptAsync([children[2].Post], children[2].Patch());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Traces.Single().Runs.Select(static run => run.Name), Is.EqualTo(["root", "2", "3"]));
            Assert.That(Collector.Traces.Single().Root!.Outputs, Is.Not.Null);
            Assert.That(ProblemCodes().Distinct(), Is.EqualTo(["trace_too_large"]));
            Assert.That(Collector.DroppedRuns, Is.EqualTo(1));
        }
    }

    private static JsonObject Answered(JsonObject patch)
    {
        patch["outputs"] = new JsonObject { ["a"] = new string('y', 20_000) };
        return patch;
    }

    [Test]
    public async Task Refusal_OfARunWithALongName_KeepsAShortOne()
    {
        Assert.That((await BatchAsync(SampleRun.Root().With("name", new string('n', 100_000)).With("dotted_order", "x"))).Status, Is.EqualTo(400));
        var problem = Collector.Problems.Single();
        Assert.That(problem.RunName, Has.Length.LessThan(100));
        Assert.That(problem.Message, Has.Length.LessThan(500));
    }

    [Test]
    public async Task Run_OfATraceThatWent_DoesNotBringHalfOfItBack()
    {
        await RestartAsync(static options => options.MaxRuns = 2);
        var first = SampleRun.Root("first", 1).Open();
        await AcceptAsync(first);
        await AcceptAsync(SampleRun.Root("second", 2), SampleRun.Root("third", 3));
        await AcceptAsync([first.Child("late", 1, 9).Post], first.Patch());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Traces.Select(static trace => trace.Name), Is.EqualTo(["third", "second"]));
            Assert.That(Collector.Problems, Is.Empty);
            Assert.That(Collector.DroppedRuns, Is.EqualTo(2), "the first, and its late child");
        }
    }

    [Test]
    public async Task Clear_ForgetsEverything()
    {
        await RestartAsync(static options => options.MaxRuns = 1);
        await AcceptAsync(SampleRun.Root("first", 1));
        await AcceptAsync(SampleRun.Root("second", 2));
        await BatchAsync(SampleRun.Root().Without("trace_id"));
        Collector.Clear();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Traces, Is.Empty);
            Assert.That(Collector.Problems, Is.Empty);
            Assert.That(Collector.DroppedRuns, Is.Zero);
        }

        await AcceptAsync(SampleRun.Root("first", 1));
        Assert.That(Collector.AssertOneTrace().Name, Is.EqualTo("first"), "it may come again");
        await Collector.WaitForRunsAsync(1);
    }

    [Test]
    public async Task Traces_AreNewestFirstAndTheirRunsInTheOrderOfTheTree()
    {
        var (a, b) = (SampleRun.Root("a", 1), SampleRun.Root("b", 2));
        var (x, y) = (a.Child("x", 5, 5), a.Child("y", 1, 6));
        await AcceptAsync(a, b);
        await AcceptAsync(x.Child("x1", 1, 7), y, x, y.Child("y1", 1, 8));
        Assert.That(Collector.Traces.Select(static trace => string.Join(' ', trace.Runs.Select(static run => run.Name))), Is.EqualTo(["b", "a y y1 x x1"]));
    }

    [Test]
    public async Task Store_WrittenByEightAndReadMeanwhile_LosesNothing()
    {
        const int Writers = 8;
        const int TracesEach = 25;
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                // Whatever is half there, a snapshot holds together.
                foreach (var trace in Collector.Traces)
                    Assert.That(trace.ToString().Count(static character => character == '\n'), Is.EqualTo(trace.Runs.Count));
                _ = Collector.Problems.Count;
            }
        })).ToArray();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < TracesEach; i++)
            {
                var root = SampleRun.Root("root", 1 + (writer * 10_000) + (i * 10)).Open();
                var children = Enumerable.Range(1, 4).Select(number => root.Child($"{number}", number, 1 + (writer * 10_000) + (i * 10) + number)).ToArray();
                await AcceptAsync([.. children.Select(static run => run.Post)]);
                await AcceptAsync([root.Post], root.Patch());
            }
        })));
        await Collector.WaitForRunsAsync(Writers * TracesEach * 5);
        await done.CancelAsync();
        await Task.WhenAll(readers);
        Collector.AssertNoProblems();
        Assert.That(Collector.Traces.Select(static trace => trace.Runs.Count), Is.EqualTo(Enumerable.Repeat(5, Writers * TracesEach)));
    }

    [Test]
    public async Task Trace_Printed_IsATree()
    {
        var root = SampleRun.Root("ask").With("extra", Service("gateway"));
        var answer = root.Child("answer", 1, 2).With("extra", Service("answers"));
        var write = answer.Child("write", 1, 3).With("extra", Service("answers")).With("error", "HttpRequestException: no\n   at somewhere");
        var rate = root.Child("rate", 2, 4).With("extra", Service("rating")).Open();
        var orphan = SampleRun.Root("lost", 50).Child("orphan", 3, 5);
        orphan.With("trace_id", root.Id).With("dotted_order", $"{root.DottedOrder}.{orphan.DottedOrder}").With("parent_run_id", SampleRun.Root("lost", 50).Id);
        await AcceptAsync(root, answer, write, rate, orphan, answer.Child("read", 3, 6).With("end_time", SampleRun.Text(SampleRun.Time)));

        Assert.That(Collector.Traces.Single().ToString(), Is.EqualTo(
            """
            ask          gateway     10.0 ms  ✓
            ├─ answer    answers     10.0 ms  ✓
            │  ├─ write  answers     10.0 ms  ✗ HttpRequestException: no
            │  └─ read   unknown      0.0 ms  ✓
            └─ rate      rating      pending
            ?─ orphan    unknown     10.0 ms  ✓

            """.ReplaceLineEndings("\n")));

        static JsonObject Service(string name) => new() { ["runtime"] = new JsonObject { ["service"] = name, ["sdk"] = "some-sdk" } };
    }

    [Test]
    public async Task Trace_OfRunsThatAreEachOthersParents_IsPrintedWhole()
    {
        var root = SampleRun.Root();
        var (a, b) = (root.ChildAt("a", SampleRun.Time, 2), root.ChildAt("b", SampleRun.Time, 3));
        a.With("parent_run_id", b.Id).With("dotted_order", $"{b.DottedOrder}.{SampleRun.Segment(a.Start, a.Id)}");
        b.With("parent_run_id", a.Id).With("dotted_order", $"{root.DottedOrder}.{SampleRun.Segment(a.Start, a.Id)}.{SampleRun.Segment(b.Start, b.Id)}");
        await AcceptAsync(root, a, b);
        Assert.That(Collector.Traces.Single().ToString().Split('\n').Select(static line => line.Split("  ")[0].Trim()), Is.EqualTo(["root", "?─ b", "?─ a", ""]));
        Assert.That(ProblemCodes(), Is.EqualTo(["parent_dotted_order", "parent_dotted_order"]));
    }

    [Test]
    public async Task Duration_OfATraceThatEndsAMicrosecondBeforeItStarts_IsZero()
    {
        // TypeScript: the start has the order as microseconds, the end is in milliseconds.
        var start = SampleRun.Time.AddTicks(10);
        await AcceptAsync(SampleRun.RootAt(start, SampleRun.IdOf(start, 1)).With("end_time", new DateTimeOffset(SampleRun.Time).ToUnixTimeMilliseconds()));
        var trace = Collector.AssertOneTrace();
        Assert.That((trace.Duration, trace.Root!.Duration), Is.EqualTo((TimeSpan.Zero, TimeSpan.Zero)));
    }

    [Test]
    public async Task Trace_WithoutItsRoot_IsCalledAsItsFirstRun()
    {
        var root = SampleRun.Root();
        var child = root.Child().Open();
        var patch = child.Patch();
        patch.Remove("parent_run_id");
        await AcceptAsync([root.Child("second", 5, 3).Post], patch);
        await AcceptAsync(child);
        var trace = Collector.Traces.Single();
        Assert.That((trace.Root, trace.Name), Is.EqualTo(((CollectedRun?)null, "child")));
    }

    [Test]
    public async Task AssertOneTrace_OfNone_SaysWhatWasRefused()
    {
        await BatchAsync(SampleRun.Root().Without("trace_id"));
        Assert.That(() => Collector.AssertOneTrace(), Throws.TypeOf<CollectorAssertionException>().With.Message.EqualTo(
            """
            There is not one trace, but 0.
              trace_id_missing: 'root' has no trace_id: every run of a batch needs the id of its trace's root run.

            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public async Task AssertOneTrace_OfTwo_PrintsThem()
    {
        await AcceptAsync(SampleRun.Root("a", 1), SampleRun.Root("b", 2));
        Assert.That(() => Collector.AssertOneTrace(), Throws.TypeOf<CollectorAssertionException>().With.Message.EqualTo(
            $"""
            There is not one trace, but 2.

            trace {SampleRun.Root("b", 2).Id}
            b  unknown     10.0 ms  ✓

            trace {SampleRun.Root("a", 1).Id}
            a  unknown     10.0 ms  ✓

            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public async Task AssertOneTrace_WithAProblem_SaysIt()
    {
        var root = SampleRun.Root().Open();
        await AcceptAsync(root, root.Child());
        Assert.That(() => Collector.AssertOneTrace(), Throws.TypeOf<CollectorAssertionException>().With.Message.EqualTo(
            $"""
            There is a problem.
              run_pending: 'root' has not ended: no end_time has arrived.

            trace {root.Id}
            root      unknown     pending
            └─ child  unknown     10.0 ms  ✓

            """.ReplaceLineEndings("\n")));
        Assert.That(() => Collector.AssertNoProblems(), Throws.TypeOf<CollectorAssertionException>().With.Message.StartsWith("There is a problem.\n"));
    }

    [Test]
    public async Task WaitForRuns_ThatDoNotEnd_SaysWhichThereAre()
    {
        await AcceptAsync(SampleRun.Root(), SampleRun.Root().Child().Open());
        Assert.That(() => Collector.WaitForRunsAsync(2, TimeSpan.FromMilliseconds(1)), Throws.TypeOf<CollectorAssertionException>().With.Message.StartsWith(
            "1 of 2 runs have ended.\n  run_pending: 'child' has not ended: no end_time has arrived.\n\ntrace "));
    }

    [Test]
    public async Task WaitForRuns_ThatEndLater_ReturnsThen()
    {
        var root = SampleRun.Root().Open();
        await AcceptAsync(root);
        var waiting = Collector.WaitForRunsAsync(1, TimeSpan.FromMinutes(1));
        Assert.That(waiting.IsCompleted, Is.False);
        await AcceptAsync([], root.Patch());
        await waiting;
        // An end that comes twice is one.
        await AcceptAsync([], root.Patch());
        Assert.That(() => Collector.WaitForRunsAsync(2, TimeSpan.FromMilliseconds(1)), Throws.TypeOf<CollectorAssertionException>());
    }

    [TestCase("MaxRuns", 0, "LangSmithCollectorOptions.MaxRuns is 0. Hold at least 1 run.")]
    [TestCase("MaxBytes", 65_535, "LangSmithCollectorOptions.MaxBytes is 65535. Hold at least 65536 bytes.")]
    [TestCase("MaxRequestBytes", 1023, "LangSmithCollectorOptions.MaxRequestBytes is 1023. Give 1024 to 268435456 bytes.")]
    [TestCase("MaxRequestBytes", 268_435_457, "LangSmithCollectorOptions.MaxRequestBytes is 268435457. Give 1024 to 268435456 bytes.")]
    [TestCase("Port", -1, "LangSmithCollectorOptions.Port is -1. Give a port, or 0 for any free one.")]
    [TestCase("Port", 65_536, "LangSmithCollectorOptions.Port is 65536. Give a port, or 0 for any free one.")]
    public void Options_OutOfRange_AreNamedWithARemedy(string option, int value, string message)
    {
        Assert.That(() => LangSmithCollector.StartAsync(Set), Throws.ArgumentException.With.Message.EqualTo(message));

        void Set(LangSmithCollectorOptions options) =>
            typeof(LangSmithCollectorOptions).GetProperty(option)!.SetValue(options, option.EndsWith("Bytes", StringComparison.Ordinal) ? (long)value : (object)value);
    }

    [Test]
    public void Port_InUse_IsAnIOException() =>
        Assert.That(() => LangSmithCollector.StartAsync(options => options.Port = Collector.Endpoint.Port), Throws.InstanceOf<IOException>());

    [Test]
    public void Endpoint_OfACollectorThatDoesNotListen_SaysHowToStartIt() =>
        Assert.That(() => new LangSmithCollector().Endpoint, Throws.InvalidOperationException.With.Message.EqualTo("The collector does not listen. Start it with LangSmithCollector.StartAsync()."));
}
