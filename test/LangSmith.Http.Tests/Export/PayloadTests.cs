using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LangSmith.Http.Tests.Export;

/// <summary>What the collector stores is what was given, field by field, whichever way it went.</summary>
public sealed partial class PayloadTests
{
    private static readonly string[] AllTypes = [RunTypes.Chain, RunTypes.Llm, RunTypes.Tool, RunTypes.Retriever, RunTypes.Embedding, RunTypes.Prompt, RunTypes.Parser];

    [Test]
    public async Task Runs_OfEachTypeWithEveryField_AreStoredAsTheyWereGiven([Values] bool multipart, [Values] bool startAndEndApart)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        if (!multipart)
            collector.Fault = static request => request.Path == "/runs/multipart" ? CollectorFault.Status(404) : null;
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString(), ApiKey = "key", ServiceName = "shöp", FlushInterval = TimeSpan.FromMinutes(1) });
        var given = new Tee(exporter);
        var tracer = new LangSmithTracer(given, new LangSmithOptions { Tracing = true, Project = "pröject \"1\"" });
        foreach (var type in AllTypes)
            await NestAsync(tracer, type, depth: 5, () => startAndEndApart ? exporter.FlushAsync(TimeSpan.FromSeconds(30)) : Task.FromResult(true));
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);

        if (multipart)
            collector.AssertNoProblems();
        Assert.That(exporter.DroppedOperations, Is.Zero);
        Assert.That(collector.Traces, Has.Count.EqualTo(AllTypes.Length));
        var stored = collector.Traces.SelectMany(static trace => trace.Runs).ToDictionary(static run => run.Id, Describe);
        Assert.That(stored, Has.Count.EqualTo(5 * AllTypes.Length));
        foreach (var (id, run) in given.Ended)
            Assert.That(stored[id], Is.EqualTo(run));
        var any = collector.Traces[0].Runs[0];
        Assert.That((any.Service, any.Extra!.Value.GetProperty("runtime").GetProperty("sdk").GetString()), Is.EqualTo(("shöp", "langsmith-dotnet")));
    }

    private static IEnumerable<TestCaseData> Awkward()
    {
        yield return new TestCaseData((object)new string('é', 500_000), "1 MB of text");
        yield return new TestCaseData((object)"\ud800 alone", "a lone surrogate");
        yield return new TestCaseData((object)"\0\u0001\u007f\u2028 </script> 😀 \\ \"", "what is escaped");
        yield return new TestCaseData((object)"--boundary\r\nContent-Length: 0\r\n\r\n", "line breaks");
        yield return new TestCaseData(JsonDocument.Parse("""{"a":1e400,"b":1.0,"c":12345678901234567890123,"a":2}""").RootElement, "numbers as they are written");
        yield return new TestCaseData(JsonDocument.Parse(new string('[', 200) + new string(']', 200), new JsonDocumentOptions { MaxDepth = 300 }).RootElement, "deep");
        yield return new TestCaseData(JsonDocument.Parse("null").RootElement, "null");
    }

    [TestCaseSource(nameof(Awkward))]
    public async Task Payload_ThatIsAwkward_ArrivesWhole(object payload, string what)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString(), ApiKey = "key" });
        var given = new Tee(exporter);
        var tracer = new LangSmithTracer(given, new LangSmithOptions { Tracing = true });
        using (var scope = tracer.StartRun("run", payload))
        {
            scope.Run.AddEvent("event", payload);
            scope.Run.AddMetadata("key", payload);
            scope.Run.SetOutputs(payload);
            if (payload is string text)
            {
                scope.Run.AddTags(text[..Math.Min(text.Length, 100)]);
                scope.Run.Fail(text);
            }
        }

        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        var run = collector.AssertOneTrace().Root!;
        // What is no text cannot be sent as text: the replacement character stands for it.
        Assert.That(Describe(run), Is.EqualTo(given.Ended.Values.Single().Replace('\ud800', '\ufffd')), what);
    }

    [Test]
    public async Task Inputs_OfAnyRun_AreAnObjectAndSentOnce([Values] bool multipart)
    {
        await using var server = await IngestServer.StartAsync($$$"""{"batch_ingest_config":{"use_multipart_endpoint":{{{(multipart ? "true" : "false")}}}}}""");
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, ApiKey = "key" });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using (tracer.StartRun("without"))
        using (tracer.StartRun("with", new { question = "why?" }))
            await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        tracer.StartRun("whole").Dispose();
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);

        var inputs = multipart
            ? server.Posts.SelectMany(static post => FormPart.Split(post.Body, post.Headers["Content-Type"])).Where(static part => part.Name.EndsWith(".inputs", StringComparison.Ordinal)).Select(static part => part.Name.Split('.')[0] + part.Text)
            : from post in server.Posts
              let body = JsonDocument.Parse(post.Body).RootElement
              from kind in (string[])["post", "patch"]
              from run in body.GetProperty(kind).EnumerateArray()
              where run.TryGetProperty("inputs", out _)
              select kind + run.GetProperty("inputs").GetRawText();
        Assert.That(inputs, Is.EqualTo(["post{}", """post{"question":"why?"}""", "post{}"]));
        Assert.That(server.Posts.Select(static post => post.Path).Distinct(), Is.EqualTo([multipart ? "/runs/multipart" : "/runs/batch"]));
    }

    [Test]
    public async Task Inputs_SetAfterTheStartWasPosted_AreStored([Values] bool multipart)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        if (!multipart)
            collector.Fault = static request => request.Path == "/runs/multipart" ? CollectorFault.Status(404) : null;
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString() });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using (var scope = tracer.StartRun("run", new { q = "old" }))
        {
            await exporter.FlushAsync(TimeSpan.FromSeconds(30));
            scope.Run.SetInputs(new { q = "new" });
        }

        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(collector.Traces.Single().Root!.Inputs?.GetRawText(), Is.EqualTo("""{"q":"new"}"""));
    }

    [TestCase(false, """{"q":"new"}""")]
    [TestCase(true, "{}")]
    public async Task Inputs_SetAfterTheStartWasPosted_AreHiddenAsTheFirstAre(bool hidden, string expected)
    {
        await using var server = await IngestServer.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, HideInputs = hidden });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using (var scope = tracer.StartRun("run", new { q = "old" }))
        {
            await exporter.FlushAsync(TimeSpan.FromSeconds(30));
            scope.Run.SetInputs(new { q = "new" });
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        var update = FormPart.Split(server.Posts[1].Body, server.Posts[1].Headers["Content-Type"]);
        Assert.That(update.Where(static part => part.Name.EndsWith(".inputs", StringComparison.Ordinal)).Select(static part => Anonymous(part.Name) + part.Text), Is.EqualTo(["patch.<id>.inputs" + expected]));
    }

    [TestCase(false, "new_token;chunk {\"text\":\"c\"};done;")]
    [TestCase(true, "new_token;chunk;done;")]
    public async Task Events_HaveNoTextOfTokens_AndNothingWhereOutputsAreHidden(bool hideOutputs, string expected)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString(), HideOutputs = hideOutputs });
        using (var scope = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run"))
        {
            scope.Run.AddEvent("new_token", new { text = "t" });
            scope.Run.AddEvent("chunk", new { text = "c" });
            scope.Run.AddEvent("done");
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        var events = collector.AssertOneTrace().Root!.Events!.Value.EnumerateArray();
        Assert.That(string.Concat(events.Select(static item => $"{item.GetProperty("name")}{(item.TryGetProperty("kwargs", out var kwargs) ? " " + kwargs.GetRawText() : "")};")), Is.EqualTo(expected));
    }

    [TestCase("", """{"k":1,"usage_metadata":{"total_tokens":3}}""")]
    [TestCase("given", """{"k":1,"usage_metadata":"mine"}""")]
    [TestCase("HideMetadata", "{}")]
    [TestCase("HideOutputs", """{"k":1,"usage_metadata":{"total_tokens":3}}""")]
    [TestCase("no object", """{"k":1}""")]
    [TestCase("sampled", """{"k":1,"usage_metadata":{"total_tokens":3},"ls_tracing_sample_rate":0.5}""")]
    [TestCase("sampled, HideMetadata", "{}")]
    public async Task Metadata_HasTokenCountsAndSampleRate_WhereTheyAreNotHiddenOrGiven(string how, string expected)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions
        {
            Endpoint = collector.Endpoint.ToString(),
            SamplingRate = how.StartsWith("sampled", StringComparison.Ordinal) ? 0.5 : 1,
            HideMetadata = how.EndsWith("HideMetadata", StringComparison.Ordinal),
            HideOutputs = how == "HideOutputs",
        });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        // Half of the traces, if they are sampled: as many as it takes.
        while (collector.Traces.Count == 0)
        {
            using (var scope = tracer.StartRun("run", null, new RunOptions { Metadata = [new("k", 1)] }))
            {
                if (how == "given")
                    scope.Run.AddMetadata("usage_metadata", "mine");
                scope.Run.End(new { answer = 1, usage_metadata = how == "no object" ? (object)3 : new { total_tokens = 3 } });
            }

            await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        }

        Assert.That(collector.AssertOneTrace().Root!.Extra!.Value.GetProperty("metadata").GetRawText(), Is.EqualTo(expected));
    }

    [TestCase("\\ud800x", "{}")]
    [TestCase("\\ud800 that is longer than what is looked for", "{}")]
    [TestCase("usage_\\ud800 that is longer than what is looked for", "{}")]
    [TestCase("usage_meta\\u0064ata", """{"usage_metadata":{"a":1}}""")]
    public async Task Outputs_WithANameThatIsEscaped_AreStored(string name, string expectedMetadata)
    {
        await using var server = await IngestServer.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        var outputs = $$$"""{"{{{name}}}":{"a":1}}""";
        using (var scope = tracer.StartRun("run"))
            scope.Run.End(JsonDocument.Parse(outputs).RootElement);
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(exporter.DroppedOperations, Is.Zero);
        var parts = FormPart.Split(server.Posts[0].Body, server.Posts[0].Headers["Content-Type"]).ToDictionary(static part => Anonymous(part.Name));
        Assert.That(parts["post.<id>.outputs"].Text, Is.EqualTo(outputs));
        Assert.That(JsonDocument.Parse(parts["post.<id>.extra"].Payload).RootElement.GetProperty("metadata").GetRawText(), Is.EqualTo(expectedMetadata));
    }

    [TestCase(true, "{}", """{"output":1}""", """{"k":1}""")]
    [TestCase(false, """{"input":1}""", "{}", """{"k":1}""")]
    [TestCase(null, """{"input":1}""", """{"output":1}""", "{}")]
    public async Task Hidden_Part_IsEmptyAndTheOthersAreNot(bool? inputs, string expectedInputs, string expectedOutputs, string expectedMetadata)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions
        {
            Endpoint = collector.Endpoint.ToString(),
            HideInputs = inputs == true,
            HideOutputs = inputs == false,
            HideMetadata = inputs is null,
        });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        string header;
        using (var scope = tracer.StartRun("run", 1, new RunOptions { Metadata = [new("k", 1)] }))
        {
            header = scope.Run.ToHeaders()["baggage"];
            scope.Run.End(1);
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        var run = collector.AssertOneTrace().Root!;
        Assert.That((run.Inputs?.GetRawText(), run.Outputs?.GetRawText(), run.Extra!.Value.GetProperty("metadata").GetRawText()), Is.EqualTo((expectedInputs, expectedOutputs, expectedMetadata)));
        Assert.That(header, Does.StartWith("langsmith-metadata="), "headers have it all the same");
    }

    // Names and ids differ; which parts there are, in which order, and how they are headed must not.
    [TestCase("js-0.12.0-multipart-post-only", "post")]
    [TestCase("js-0.12.0-multipart-patch-only", "patch")]
    public async Task Multipart_OfOurs_HasThePartsOfTheCapture(string capture, string kind)
    {
        await using var server = await IngestServer.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, ApiKey = "key" });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using (var scope = tracer.StartRun("slow", new { q = "hé" }))
        {
            await exporter.FlushAsync(TimeSpan.FromSeconds(30));
            scope.Run.End(new { answer = "hé!" });
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        var post = server.Posts[kind == "post" ? 0 : 1];
        var ours = FormPart.Split(post.Body, post.Headers["Content-Type"]);
        var theirs = Capture(capture);
        // `serialized` is LangChain's; its parts are left out by Python too.
        Assert.That(ours.Select(static part => Anonymous(part.Name)), Is.EqualTo(theirs.Select(static part => Anonymous(part.Name)).Where(static name => !name.EndsWith("serialized", StringComparison.Ordinal))));
        AssertHeads(ours, theirs);
        Assert.That(JsonDocument.Parse(ours[0].Payload).RootElement.EnumerateObject().Select(static field => field.Name),
            Is.SubsetOf(JsonDocument.Parse(theirs[0].Payload).RootElement.EnumerateObject().Select(static field => field.Name).Append("end_time")));
    }

    [Test]
    public async Task Multipart_OfATree_HasThePartsOfTheCapturesInTheirOrder()
    {
        await using var server = await IngestServer.StartAsync();
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, ApiKey = "key", FlushInterval = TimeSpan.FromMinutes(1) });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        var open = tracer.StartRun("open");
        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        open.Dispose();
        using (var root = tracer.StartRun("root", new { a = 1 }))
        {
            using (var child = tracer.StartRun("child", "é"))
            {
                child.Run.AddEvent("chunk", new { token = "é" });
                child.Run.SetOutputs("partial");
                child.Run.Fail("bööm");
            }

            root.Run.End(1);
        }

        await exporter.FlushAsync(TimeSpan.FromSeconds(30));
        var post = server.Posts[1];
        var parts = FormPart.Split(post.Body, post.Headers["Content-Type"]);
        Assert.That(parts.Select(static part => Anonymous(part.Name)), Is.EqualTo((string[])
        [
            "post.<id>", "post.<id>.inputs", "post.<id>.outputs", "post.<id>.extra",
            "post.<id>", "post.<id>.inputs", "post.<id>.outputs", "post.<id>.events", "post.<id>.extra", "post.<id>.error",
            "patch.<id>", "patch.<id>.extra",
        ]), "creates first");
        Assert.That(parts[9].Text, Is.EqualTo("\"bööm\""), "a JSON string");
        foreach (var capture in (string[])["js-0.12.0-multipart-plain", "python-0.11.1-multipart-plain"])
        {
            var theirs = Capture(capture).Where(static part => !part.Name.StartsWith("attachment.", StringComparison.Ordinal)).ToArray();
            AssertHeads(parts, theirs);
            // Wherever both have a part, theirs follow each other as ours do.
            string[] order = ["", ".inputs", ".outputs", ".events", ".extra", ".error"];
            foreach (var run in theirs.Where(static part => !part.Name.EndsWith("serialized", StringComparison.Ordinal)).GroupBy(static part => part.Name.Split('.')[1]))
                Assert.That(run.Select(part => Array.IndexOf(order, Anonymous(part.Name)[(part.Name.IndexOf('.', StringComparison.Ordinal) + 5)..])), Is.Ordered);
        }
    }

    [Test]
    public async Task Batch_OfOurs_HasTheFieldsOfTheCapture()
    {
        await using var server = await IngestServer.StartAsync("""{"batch_ingest_config":{"use_multipart_endpoint":false}}""");
        await using var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = server.Endpoint, ApiKey = "key" });
        new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).Run("x", static _ => 1);
        await exporter.FlushAsync(TimeSpan.FromSeconds(30));

        var post = server.Posts.Single();
        Assert.That((post.Path, post.Headers["Content-Type"]), Is.EqualTo(("/runs/batch", "application/json")));
        var ours = JsonDocument.Parse(post.Body).RootElement;
        var theirs = JsonDocument.Parse(await File.ReadAllBytesAsync(PathTo("js-0.12.0-batch-json.body"))).RootElement;
        Assert.That(Names(ours), Is.EqualTo(Names(theirs)));
        Assert.That(Names(ours.GetProperty("post")[0]), Is.EquivalentTo(Names(theirs.GetProperty("post")[0]).Except(["serialized", "child_runs"])));
        foreach (var field in ours.GetProperty("post")[0].EnumerateObject().Where(static field => field.Name != "end_time"))
            Assert.That(field.Value.ValueKind, Is.EqualTo(theirs.GetProperty("post")[0].GetProperty(field.Name).ValueKind), field.Name);

        static string[] Names(JsonElement json) => [.. json.EnumerateObject().Select(static field => field.Name)];
    }

    private static void AssertHeads(FormPart[] ours, FormPart[] theirs)
    {
        Assert.That(theirs, Is.Not.Empty);
        foreach (var part in theirs)
        {
            var length = part.Payload.Length.ToString(CultureInfo.InvariantCulture);
            Assert.That(part.Head[1..], Is.EqualTo((string[])[$"Content-Type: application/json; length={length}"]).Or.EqualTo((string[])["Content-Type: application/json", $"Content-Length: {length}"]), "theirs: one of the two");
            Assert.That(part.Head[0], Does.Match("^Content-Disposition: form-data; name=\"[^\"]+\"$"));
        }

        foreach (var part in ours)
        {
            var length = part.Payload.Length.ToString(CultureInfo.InvariantCulture);
            Assert.That(part.Head, Is.EqualTo((string[])[$"Content-Disposition: form-data; name=\"{part.Name}\"", $"Content-Type: application/json; length={length}", $"Content-Length: {length}"]), "ours: both");
            Assert.That(() => JsonDocument.Parse(part.Payload), Throws.Nothing);
        }
    }

    private static async Task NestAsync(LangSmithTracer tracer, string type, int depth, Func<Task> betweenStartAndEnd)
    {
        using var scope = tracer.StartRun($"{type} {depth} é 漢字 😀 \"quoted\"", new { text = "é 漢字 😀", big = new string('x', depth == 3 ? 1 << 20 : 10), nested = new { list = new object?[] { 1, 2.5, null, true, new { deep = "ü" } } } }, new RunOptions
        {
            RunType = type,
            Tags = ["täg", $"depth {depth}", "with,comma"],
            Metadata = [new("thread_id", "t-1"), new($"key.{depth} \"", new { a = new[] { 1, 2 } }), new("big", new string('m', depth == 2 ? 1 << 20 : 1))],
        });
        await betweenStartAndEnd();
        if (depth > 1)
            await NestAsync(tracer, type, depth - 1, betweenStartAndEnd);
        scope.Run.AddEvent("chunk", new { token = "é" });
        scope.Run.AddEvent("done");
        scope.Run.AddTags("late");
        scope.Run.AddMetadata("late", 1);
        scope.Run.SetOutputs(new { answer = depth, big = new string('y', depth == 4 ? 1 << 20 : 10) });
        if (depth % 2 == 0)
            scope.Run.Fail(new InvalidOperationException("bööm\r\n\"😀\""));
    }

    // All fields of a run, as given and as stored, in one text.
    private static string Describe(RunSnapshot run) => Describe(
        run.Id, run.TraceId, run.ParentRunId, run.DottedOrder, run.Name, run.RunType, run.Project ?? run.Address, run.StartTime, run.EndTime, run.Error, run.Tags,
        run.Inputs?.GetRawText() ?? "{}", run.Outputs?.GetRawText(), run.Metadata,
        string.Concat(run.Events.Select(static item => $"{item.Name} {item.Time:O} {item.Payload?.GetRawText()};")));

    private static string Describe(CollectedRun run) => Describe(
        run.Id, run.TraceId, run.ParentRunId, run.DottedOrder, run.Name, run.RunType, run.Project, run.StartTime, run.EndTime, run.Error, run.Tags,
        run.Inputs?.GetRawText(), run.Outputs?.GetRawText(), run.Metadata,
        string.Concat((run.Events?.EnumerateArray().ToArray() ?? []).Select(static item => $"{item.GetProperty("name").GetString()} {item.GetProperty("time").GetDateTimeOffset():O} {(item.TryGetProperty("kwargs", out var kwargs) ? kwargs.GetRawText() : "")};")));

    private static string Describe(
        Guid id, Guid trace, Guid? parent, string order, string name, string type, string? destination, DateTimeOffset start, DateTimeOffset? end, string? error,
        IReadOnlyList<string> tags, string? inputs, string? outputs, IReadOnlyDictionary<string, JsonElement> metadata, string events) =>
        $"{id}|{trace}|{parent}|{order}|{name}|{type}|{destination}|{start:O}|{end:O}|{error}|{string.Join('|', tags)}|{inputs}|{outputs}|"
        + $"{string.Concat(metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal).Select(static pair => $"{pair.Key}={pair.Value.GetRawText()};"))}|{events}";

    private static FormPart[] Capture(string name)
    {
        var type = File.ReadAllLines(PathTo(name + ".head")).Single(static line => line.StartsWith("Content-Type: ", StringComparison.OrdinalIgnoreCase))["Content-Type: ".Length..];
        return FormPart.Split(File.ReadAllBytes(PathTo(name + ".body")), type);
    }

    private static string PathTo(string capture) => Path.Combine(AppContext.BaseDirectory, "Data", "captures", capture);

    private static string Anonymous(string name) => Ids().Replace(name, "<id>");

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex Ids();

    private sealed class Tee(LangSmithExporter exporter) : IRunRecorder
    {
        public ConcurrentDictionary<Guid, string> Ended { get; } = new();

        public bool ShouldRecord(Guid traceId) => exporter.ShouldRecord(traceId);

        public void OnStart(RunSnapshot run) => exporter.OnStart(run);

        public void OnEnd(RunSnapshot run)
        {
            Ended[run.Id] = Describe(run);
            exporter.OnEnd(run);
        }
    }
}
