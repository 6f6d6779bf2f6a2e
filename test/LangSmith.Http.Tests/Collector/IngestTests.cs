using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>Bodies of every order, shape and size: what is kept of them, and with which words they are refused.</summary>
public sealed class IngestTests : CollectorFixture
{
    private static readonly string Zip = Convert.ToHexString([0x28, 0xB5, 0x2F, 0xFD]);

    [Test]
    public async Task Batch_EndBeforeCreateAndChildBeforeParent_IsATreeWithoutProblems()
    {
        var root = SampleRun.Root().Open();
        var child = root.Child().Open();
        await AcceptAsync([], child.Patch());
        await AcceptAsync([child.Post], root.Patch(20));
        await AcceptAsync(root);

        var trace = Collector.AssertOneTrace();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.Runs.Select(static run => run.Name), Is.EqualTo(["root", "child"]));
            Assert.That(trace.Runs.Select(static run => run.Outputs.ToString()), Is.All.EqualTo("""{"by":"patch"}"""));
            Assert.That(trace.Runs.Select(static run => run.Inputs.ToString()), Is.EqualTo(["""{"of":"root"}""", """{"of":"child"}"""]));
            Assert.That(trace.Duration, Is.EqualTo(TimeSpan.FromMilliseconds(20)));
        }
    }

    [Test]
    public async Task Batch_OfAPostThatSaysWhatAnUpdateSaid_KeepsTheUpdate()
    {
        var root = SampleRun.Root().With("tags", new JsonArray("post"));
        var patch = root.Patch(30);
        patch["inputs"] = new JsonObject { ["of"] = "patch" };
        patch["tags"] = new JsonArray("patch");
        patch["name"] = "renamed";
        await AcceptAsync([], patch);
        await AcceptAsync(root);

        var run = Collector.AssertOneTrace().Root!;
        Assert.That($"{run.Name} {run.Inputs} {run.Outputs} {run.Tags[0]} {run.Duration}", Is.EqualTo("""renamed {"of":"patch"} {"by":"patch"} patch 00:00:00.0300000"""));
    }

    [Test]
    public async Task Batch_SeveralUpdates_TheLastSaysWhatItSays()
    {
        var root = SampleRun.Root().Open();
        await AcceptAsync(root);
        foreach (var (field, value) in ((string, string)[])[("outputs", """{"n":1}"""), ("outputs", """{"n":2}"""), ("error", "\"late\""), ("extra", """{"metadata":{"a":1}}""")])
        {
            var patch = root.Patch();
            patch.Remove("outputs");
            patch[field] = JsonNode.Parse(value);
            await AcceptAsync([], patch);
        }

        var run = Collector.AssertOneTrace().Root!;
        Assert.That($"{run.Outputs} {run.Error} {run.Metadata["a"]} {run.Status}", Is.EqualTo("""{"n":2} late 1 Error"""));
    }

    [Test]
    public async Task Batch_PostAgainAfterAnUpdateRenamedTheRun_IsNoDuplicate()
    {
        // A retry of a post whose answer was lost.
        var root = SampleRun.Root();
        var patch = root.Patch();
        patch["name"] = "renamed";
        await AcceptAsync(root);
        await AcceptAsync([], patch);
        await AcceptAsync(root);
        Assert.That(Collector.AssertOneTrace().Name, Is.EqualTo("renamed"));
    }

    [Test]
    public async Task Multipart_PostAndPatchOfOneRunInOneBody_AreOneRun([Values] bool patchFirst)
    {
        var root = SampleRun.Root().Open().Without("inputs");
        Part[] post = [Part.Post(root), new($"post.{root.Id}.inputs", """{"a":1}"""), new($"attachment.{root.Id}.note.txt", "hi", "text/plain; charset=utf-8")];
        Part[] patch = [Part.Patch(root), new($"patch.{root.Id}.error", "\"first\\nsecond\""), new($"patch.{root.Id}.events", """[{"name":"e"}]""")];
        Assert.That(await MultipartAsync(patchFirst ? [.. patch, .. post] : [.. post, .. patch]), Is.EqualTo(Answer.Accepted));

        var run = Collector.AssertOneTrace().Root!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That($"{run.Inputs} {run.Outputs} {run.Error} {run.Events}", Is.EqualTo("""{"a":1} {"by":"patch"} first""" + "\nsecond " + """[{"name":"e"}]"""));
            Assert.That(run.Attachments.Select(static item => $"{item.Name} {item.ContentType} {item.Content.Length}"), Is.EqualTo(["note.txt text/plain 2"]));
        }
    }

    [Test]
    public async Task Multipart_TwoUpdatesOfOneRun_FieldsGoWithTheirUpdate()
    {
        var root = SampleRun.Root();
        var bare = root.Patch();
        bare.Remove("outputs");
        Assert.That(await MultipartAsync(
            Part.Post(root),
            Part.Patch(root, bare), new($"patch.{root.Id}.outputs", """{"n":1}"""),
            Part.Patch(root, bare), new($"patch.{root.Id}.outputs", """{"n":2}""")), Is.EqualTo(Answer.Accepted));
        Assert.That(Collector.AssertOneTrace().Root!.Outputs.ToString(), Is.EqualTo("""{"n":2}"""));
    }

    [Test]
    public async Task Multipart_AttachmentsOfSeveralParts_AreUnited()
    {
        var root = SampleRun.Root();
        Assert.That(await MultipartAsync(Part.Post(root), new($"attachment.{root.Id}.a", "1", "text/plain"), new($"attachment.{root.Id}.b", "2", "text/plain")), Is.EqualTo(Answer.Accepted));
        Assert.That(await MultipartAsync(Part.Patch(root), new($"attachment.{root.Id}.ä b", "33", "image/png")), Is.EqualTo(Answer.Accepted));
        Assert.That(
            Collector.AssertOneTrace().Root!.Attachments.Select(static item => $"{item.Name}:{item.Content.Length}").Order(StringComparer.Ordinal),
            Is.EqualTo(["a:1", "b:1", "ä b:2"]));
    }

    [Test]
    public async Task Single_PostsAsTheDocumentationWritesThem_AreATree()
    {
        // Neither trace_id nor dotted_order: https://docs.langchain.com/langsmith/trace-with-api
        var root = SampleRun.Root().Open().Without("trace_id").Without("dotted_order").Without("session_name");
        var child = root.Child().Open().Without("trace_id").Without("dotted_order").Without("session_name");
        foreach (var run in (SampleRun[])[root, child])
            Assert.That(await SendAsync(HttpMethod.Post, "/runs", Json(run.Post.ToJsonString())), Is.EqualTo(Answer.Accepted));
        foreach (var run in (SampleRun[])[child, root])
            Assert.That(await SendAsync(HttpMethod.Patch, $"/runs/{run.Id}", Json("""{"outputs":{"o":1},"end_time":"2026-11-22T08:00:01"}""")), Is.EqualTo(Answer.Accepted));

        var trace = Collector.AssertOneTrace();
        Assert.That(trace.Runs.Select(static run => $"{run.Name} {run.DottedOrder}"), Is.EqualTo([$"root {root.DottedOrder}", $"child {child.DottedOrder}"]));
    }

    [TestCase("1795334400250", "2026-11-22T08:00:00.250000Z")]
    [TestCase("1795334400250.5", "2026-11-22T08:00:00.250500Z")]
    [TestCase("\"2026-11-22T10:00:00.250001+02:00\"", "2026-11-22T08:00:00.250001Z")]
    [TestCase("\"2026-11-22T08:00:00.250001\"", "2026-11-22T08:00:00.250001Z")]
    [TestCase("\"2026-11-22T08:00:00Z\"", "2026-11-22T08:00:00.000000Z")]
    [TestCase("\"2026-11-22T08:00:00.250001123Z\"", "2026-11-22T08:00:00.250001Z")]
    public async Task Time_OfAnySdk_IsRead(string json, string expected)
    {
        await AcceptAsync(SampleRun.Root().With("end_time", JsonNode.Parse(json)));
        Assert.That(SampleRun.Text(Collector.AssertOneTrace().Root!.EndTime!.Value.UtcDateTime), Is.EqualTo(expected));
    }

    [TestCase("\"soon\"")]
    [TestCase("\"12:30\"")]
    [TestCase("\"22 Nov 2026\"")]
    [TestCase("-1e14")]
    [TestCase("-7e13")]
    [TestCase("1e300")]
    [TestCase("true")]
    public async Task Time_OfAnotherGrammar_IsRefused(string json)
    {
        var root = SampleRun.Root().With("end_time", JsonNode.Parse(json));
        var shown = root.Post["end_time"]!.ToJsonString();
        Assert.That(await BatchAsync(root), Is.EqualTo(Answer.Refused(422, $"'root': 'end_time' must be an RFC 3339 time or milliseconds since 1970, not {shown}.")));
    }

    [Test]
    public async Task Batch_WithTextThatIsHalfASurrogate_IsKeptWithAReplacement()
    {
        // JSON.stringify and Python write half an emoji as an escape: a truncated text has one.
        var root = SampleRun.Root("NAME").With("error", "ERROR").With("tags", new JsonArray("TAG"))
            .With("extra", new JsonObject { ["metadata"] = new JsonObject { ["KEY"] = "VALUE" }, ["runtime"] = new JsonObject { ["sdk"] = "SDK" } });
        var json = BatchJson([root.Post]);
        foreach (var text in (string[])["NAME", "ERROR", "TAG", "KEY", "VALUE", "SDK"])
            json = json.Replace($"\"{text}\"", $"\"{text}\\ud83d \\\\ud83d \\ud83d\\ude00\"", StringComparison.Ordinal);
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", Json(json)), Is.EqualTo(Answer.Accepted));

        var run = Collector.AssertOneTrace().Root!;
        const string Rest = "\ufffd \\ud83d \ud83d\ude00";
        Assert.That($"{run.Name}|{run.Error}|{run.Tags[0]}|{run.Metadata.Single().Key}|{run.Metadata.Single().Value}|{run.Service}",
            Is.EqualTo($"NAME{Rest}|ERROR{Rest}|TAG{Rest}|KEY{Rest}|VALUE{Rest}|SDK{Rest}"));
        Assert.That((await GetAsync($"/api/runs/{run.Id}")).Json["metadata"]!["KEY" + Rest]!.ToString(), Is.EqualTo("VALUE" + Rest));
    }

    [Test]
    public async Task Batch_NestedDeeperThanSixtyFour_IsAccepted()
    {
        var deep = JsonNode.Parse(string.Concat(Enumerable.Repeat("{\"a\":", 200)) + "1" + new string('}', 200), documentOptions: new() { MaxDepth = 300 });
        var json = $$"""{"post":[{{SampleRun.Root().With("inputs", "DEEP").Post.ToJsonString()}}]}""".Replace("\"DEEP\"", deep!.ToJsonString(new() { MaxDepth = 300 }), StringComparison.Ordinal);
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", Json(json)), Is.EqualTo(Answer.Accepted));
        var run = Collector.AssertOneTrace().Root!;
        Assert.That(run.Inputs!.Value.GetRawText(), Has.Length.EqualTo((200 * 6) + 1));
        Assert.That((await GetAsync($"/api/runs/{run.Id}")).Status, Is.EqualTo(200));
    }

    [TestCase("gzip")]
    [TestCase("GZIP")]
    [TestCase("identity")]
    public async Task Body_InAKnownEncoding_IsRead(string encoding)
    {
        var body = Encoding.UTF8.GetBytes(BatchJson([SampleRun.Root().Post]));
        var content = Bytes(encoding == "identity" ? body : Gzip(body), "application/json", encoding);
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", content), Is.EqualTo(Answer.Accepted));
        Collector.AssertOneTrace();
    }

    [TestCase("zstd", "zstd is not supported here: GET /info says so (instance_flags.zstd_compression_enabled = false). Send gzip, or no compression.")]
    [TestCase("br", "Content-Encoding 'br' is not supported. Send gzip, or no compression.")]
    [TestCase("gzip, gzip", "Content-Encoding 'gzip, gzip' is not supported. Send gzip, or no compression.")]
    public async Task Body_InAnUnknownEncoding_IsRefusedWithTheReason(string encoding, string reason)
    {
        foreach (var path in (string[])["/runs", "/runs/batch", "/runs/multipart"])
        {
            var type = path == "/runs/multipart" ? "multipart/form-data; boundary=b" : "application/json";
            Assert.That(await SendAsync(HttpMethod.Post, path, Bytes(Convert.FromHexString(Zip), type, encoding)), Is.EqualTo(Answer.Refused(415, reason)));
        }

        Assert.That(Collector.Problems.Select(static problem => $"{problem} ({problem.Severity}, {problem.Count})"), Is.EqualTo([$"content_encoding: {reason} (Error, 3)"]));
    }

    [Test]
    public async Task Body_ThatIsNoGzip_IsRefused()
    {
        var answer = await SendAsync(HttpMethod.Post, "/runs/batch", Bytes("{}"u8.ToArray(), "application/json", "gzip"));
        Assert.That(answer.Status, Is.EqualTo(422));
        Assert.That(answer.Body, Does.StartWith("""{"error":"The body cannot be decompressed: """));
        answer = await SendAsync(HttpMethod.Post, "/runs/multipart", Bytes("{}"u8.ToArray(), "multipart/form-data; boundary=b", "gzip"));
        Assert.That(answer.Body, Does.StartWith("""{"error":"The body cannot be decompressed: """));
        var half = Gzip(Encoding.UTF8.GetBytes(BatchJson([SampleRun.Root().Post])))[..^20];
        Assert.That((await SendAsync(HttpMethod.Post, "/runs/batch", Bytes(half, "application/json", "gzip"))).Status, Is.EqualTo(422));
    }

    [TestCase("/runs/batch", "application/json")]
    [TestCase("/runs/multipart", "multipart/form-data; boundary=boundary")]
    public async Task Body_ThatIsAGzipBomb_IsReadToItsBoundOnly(string path, string type)
    {
        await RestartAsync(static options => options.MaxRequestBytes = 100_000);
        var root = SampleRun.Root();
        var bomb = path == "/runs/batch"
            ? Encoding.UTF8.GetBytes(BatchJson([root.With("inputs", new JsonObject { ["a"] = new string('a', 50_000_000) }).Post]))
            : MultipartBytes(Part.Post(root), new($"attachment.{root.Id}.a", new string('a', 50_000_000), "text/plain"));
        var compressed = Gzip(bomb);
        Assert.That(compressed, Has.Length.LessThan(100_000));
        var before = GC.GetTotalAllocatedBytes();
        var answer = await SendAsync(HttpMethod.Post, path, Bytes(compressed, type, "gzip"));
        var allocated = GC.GetTotalAllocatedBytes() - before;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Is.EqualTo(Answer.Refused(413, "The body is larger than 400,000 bytes when it is decompressed. Send smaller batches, or smaller payloads.")));
            Assert.That(allocated, Is.LessThan(5_000_000));
            Assert.That(ProblemCodes(), Is.EqualTo(["request_too_large"]));
            Assert.That(Collector.Traces, Is.Empty);
        }
    }

    [Test]
    public async Task Body_LargerThanTheBound_IsRefusedWithOrWithoutContentLength([Values] bool chunked)
    {
        await RestartAsync(static options => options.MaxRequestBytes = 10_000);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/runs/batch") { Content = Json(BatchJson([SampleRun.Root().With("inputs", new JsonObject { ["a"] = new string('a', 10_000) }).Post])) };
        request.Headers.TransferEncodingChunked = chunked;
        using var response = await Client.SendAsync(request);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(
                """{"error":"The body is larger than 10,000 bytes, the batch_ingest_config.size_limit_bytes of GET /info. Send smaller batches, or smaller payloads."}"""));
            Assert.That((await GetAsync("/info")).Json["batch_ingest_config"]!["size_limit_bytes"]!.GetValue<int>(), Is.EqualTo(10_000));
            Assert.That(ProblemCodes(), Is.EqualTo(["request_too_large"]));
        }
    }

    [Test]
    public async Task Body_LargerThanKestrelsOwnBound_GetsWords()
    {
        // Kestrel's is 30,000,000.
        await RestartAsync(static options => options.MaxRequestBytes = 40_000_000);
        await AcceptAsync(SampleRun.Root().With("inputs", new JsonObject { ["a"] = new string('a', 31_000_000) }));
        Assert.That(Collector.AssertOneTrace().Root!.Inputs!.Value.GetProperty("a").GetString(), Has.Length.EqualTo(31_000_000));
    }

    [Test]
    public async Task Batch_OfManyOperations_IsRefusedFromAThousandAndOne()
    {
        var root = SampleRun.Root();
        var patches = Enumerable.Repeat(root.Patch(), 1000).ToArray();
        Assert.That(await BatchAsync([root.Post], patches), Is.EqualTo(
            Answer.Refused(413, "The batch has 1001 operations; GET /info says 100 (batch_ingest_config.size_limit), and more than 1000 are refused.")));
        Assert.That(Collector.Traces, Is.Empty);
        await AcceptAsync([root.Post], patches[1..]);
    }

    [Test]
    public async Task Batch_WithOneRunThatIsRefused_KeepsNothing([Values] bool multipart)
    {
        var root = SampleRun.Root();
        var wrong = root.Child("wrong").Without("trace_id");
        var answer = multipart ? await MultipartAsync(Part.Post(root), Part.Post(wrong)) : await BatchAsync(root, wrong);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(400));
            Assert.That(Collector.Traces, Is.Empty);
            Assert.That(Collector.Problems.Select(static problem => (problem.Code, problem.RunId, problem.RunName)), Is.EqualTo([("trace_id_missing", wrong.Id, "wrong")]));
        }
    }

    [Test]
    public async Task Batch_OfAnIdWhoseTimeIsBeyondTheCalendar_IsKept()
    {
        await AcceptAsync(SampleRun.RootAt(SampleRun.Time, Guid.Parse("90000000-0000-7000-8000-000000000001")));
        Assert.That(ProblemCodes(), Is.EqualTo(["id_time"]));
        Assert.That(Collector.Traces, Has.Count.EqualTo(1));
    }

    [TestCase("null", "A batch must be an object with 'post' and 'patch'.")]
    [TestCase("[]", "A batch must be an object with 'post' and 'patch'.")]
    [TestCase("""{"post":{}}""", "'post' must be an array of runs.")]
    [TestCase("""{"patch":"x"}""", "'patch' must be an array of runs.")]
    [TestCase("""{"post":[null]}""", "A run must be a JSON object, not null.")]
    [TestCase("""{"post":["x"]}""", "A run must be a JSON object, not \"x\".")]
    [TestCase("""{"post":[[]]}""", "A run must be a JSON object, not an array.")]
    [TestCase("""{"post":[{}]}""", "The run has no id.")]
    [TestCase("""{"post":[{"id":7}]}""", "'id' must be a string, not 7.")]
    [TestCase("""{"post":[{"id":"x"}]}""", "'id' is 'x', which is no UUID.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","trace_id":"x"}]}""", "Run 018bcfe5-687b-7000-8000-000000000001: 'trace_id' is 'x', which is no UUID.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","name":"n","inputs":[]}]}""", "'n': 'inputs' must be an object, not an array.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","name":"n","events":{}}]}""", "'n': 'events' must be an array, not an object.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","name":"n","error":{}}]}""", "'n': 'error' must be a string, not an object.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","name":"n","tags":[1]}]}""", "'n': 'tags' must be an array of strings.")]
    [TestCase("""{"post":[{"id":"018bcfe5-687b-7000-8000-000000000001","name":{}}]}""", "Run 018bcfe5-687b-7000-8000-000000000001: 'name' must be a string, not an object.")]
    public async Task Batch_OfAnotherShape_IsRefusedWithWords(string body, string error)
    {
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", Json(body)), Is.EqualTo(Answer.Refused(422, error)));
        Assert.That(Collector.Problems.Select(static problem => problem.ToString()), Is.EqualTo(["request_malformed: " + error]));
    }

    [TestCase("")]
    [TestCase("no")]
    [TestCase("""{"post":[{}""")]
    [TestCase("""{"post":[],}""")]
    [TestCase("\"\u00ff")]
    public async Task Body_ThatIsNoJson_IsRefused(string body)
    {
        foreach (var path in (string[])["/runs", "/runs/batch"])
        {
            var answer = await SendAsync(HttpMethod.Post, path, Json(body));
            Assert.That(answer.Status, Is.EqualTo(422));
            Assert.That(answer.Body, Does.StartWith("""{"error":"The body is no JSON: """));
        }
    }

    [Test]
    public async Task Body_ThatIsNoUtf8_IsRefused()
    {
        byte[] body = [.. "{\"post\":[{\"id\":\"018bcfe5-687b-7000-8000-000000000001\",\"name\":\""u8, 0xff, .. "\"}]}"u8];
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", Bytes(body, "application/json")), Is.EqualTo(Answer.Refused(422, "The body is no JSON: it is not UTF-8.")));
    }

    [TestCase("""{}""")]
    [TestCase("""{"post":null,"patch":null}""")]
    [TestCase("""{"post":[],"patch":[],"other":1}""")]
    [TestCase("\ufeff{}")]
    public async Task Batch_OfNothing_IsAccepted(string body) =>
        Assert.That(await SendAsync(HttpMethod.Post, "/runs/batch", Json(body)), Is.EqualTo(Answer.Accepted));

    [Test]
    public async Task Batch_WithNullFields_TakesThemAsNotSaid()
    {
        var nulls = SampleRun.Root().Patch();
        foreach (var field in (string[])["parent_run_id", "name", "inputs", "outputs", "error", "events", "extra", "tags", "session_id", "run_type", "start_time"])
            nulls[field] = null;
        await AcceptAsync([SampleRun.Root().Post], nulls);
        var run = Collector.AssertOneTrace().Root!;
        Assert.That($"{run.Name} {run.Outputs} {run.Status}", Is.EqualTo("""root {"by":"root"} Ok"""));
    }

    [Test]
    public async Task Multipart_WithNullFields_TakesThemAsNotSaid()
    {
        var root = SampleRun.Root();
        Assert.That(await MultipartAsync(Part.Post(root), new($"post.{root.Id}.outputs", "null"), new($"post.{root.Id}.serialized", "{}")), Is.EqualTo(Answer.Accepted));
        Assert.That(Collector.AssertOneTrace().Root!.Outputs.ToString(), Is.EqualTo("""{"by":"root"}"""));
    }

    [Test]
    public async Task Single_PathOfAnotherRun_IsRefused()
    {
        var root = SampleRun.Root();
        var other = SampleRun.IdOf(SampleRun.Time, 9);
        Assert.That(await SendAsync(HttpMethod.Patch, $"/runs/{other}", Json(root.Patch().ToJsonString())), Is.EqualTo(Answer.Refused(422, $"The path names run {other}, the JSON run {root.Id}.")));
        Assert.That(await SendAsync(HttpMethod.Patch, "/runs/mine", Json(root.Patch().ToJsonString())), Is.EqualTo(Answer.Refused(422, "The path names run 'mine', which is no UUID.")));
    }

    private static IEnumerable<TestCaseData> BrokenMultipart()
    {
        var root = SampleRun.Root();
        var (id, other) = (root.Id, SampleRun.IdOf(SampleRun.Time, 9));
        var post = Part.Post(root);
        yield return Case("no length", $"The part 'post.{id}' has no length: give Content-Length, or a length parameter of Content-Type.", post with { Headers = "Content-Type: application/json" });
        yield return Case("wrong length", $"The part 'post.{id}' says it has 3 bytes, but has {post.Content.Length}.", post with { Headers = "Content-Type: application/json; length=3" });
        yield return Case("wrong Content-Length", $"The part 'post.{id}' says it has 3 bytes, but has {post.Content.Length}.", post with { Headers = "Content-Type: application/json\r\nContent-Length: 3" });
        yield return Case("length of letters", $"The part 'post.{id}' has no length: give Content-Length, or a length parameter of Content-Type.", post with { Headers = "Content-Type: application/json; length=x" });
        yield return Case("no Content-Type", $"The part 'post.{id}' has no Content-Type.", post with { Headers = "X: y" });
        yield return Case("Content-Encoding", $"The part 'post.{id}' has a Content-Encoding; only the whole body may have one.", post with { Headers = post.Headers + "\r\nContent-Encoding: gzip" });
        yield return Case("field before its run", $"The part 'post.{id}.inputs' comes before the run it belongs to.", new Part($"post.{id}.inputs", "{}"), post);
        yield return Case("field of the other kind", $"The part 'patch.{id}.inputs' comes before the run it belongs to.", post, new Part($"patch.{id}.inputs", "{}"));
        yield return Case("attachment of nobody", $"The part 'attachment.{other}.a' belongs to a run that is not in the body.", post, new Part($"attachment.{other}.a", "x", "text/plain"));
        yield return Case("attachment without a name", $"The part 'attachment.{id}' has no name: attachment.<run id>.<name>.", post, new Part($"attachment.{id}", "x", "text/plain"));
        yield return Case("unknown kind", $"The part 'put.{id}' is of an unknown kind.", new Part($"put.{id}", "{}"));
        yield return Case("no id", "The part 'post.x' is named neither post.<run id>, patch.<run id>, attachment.<run id>.<name> nor feedback.<id>.", new Part("post.x", "{}"));
        yield return Case("no name", "The part '' is named neither post.<run id>, patch.<run id>, attachment.<run id>.<name> nor feedback.<id>.", new Part("", "{}"));
        yield return Case("another id inside", $"The part 'post.{other}' names run {other}, the JSON run {id}.", new Part($"post.{other}", root.Post.ToJsonString()));
        yield return Case("no object", "A run must be a JSON object, not an array.", new Part($"post.{id}", "[]"));
        yield return Case("wrong field", "'root': 'inputs' must be an object, not 1.", post, new Part($"post.{id}.inputs", "1"));

        static TestCaseData Case(string name, string error, params Part[] parts) => new TestCaseData(parts, error).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(BrokenMultipart))]
    public async Task Multipart_WithABrokenPart_IsRefusedWithWords(object parts, string error)
    {
        Assert.That(await MultipartAsync((Part[])parts), Is.EqualTo(Answer.Refused(422, error)));
        Assert.That(Collector.Problems.Select(static problem => problem.ToString()), Is.EqualTo(["request_malformed: " + error]));
        Assert.That(Collector.Traces, Is.Empty);
    }

    [TestCase("post.018bcfe5-687b-7000-8000-000000000001", "no", "The part 'post.018bcfe5-687b-7000-8000-000000000001' is no JSON: ")]
    [TestCase("post.018bcfe5-687b-7000-8000-000000000001", "", "The part 'post.018bcfe5-687b-7000-8000-000000000001' is no JSON: ")]
    public async Task Multipart_WithAPartThatIsNoJson_IsRefused(string name, string content, string error)
    {
        var answer = await MultipartAsync(new Part(name, content));
        Assert.That(answer.Status, Is.EqualTo(422));
        Assert.That(answer.Json["error"]!.ToString(), Does.StartWith(error));
    }

    [Test]
    public async Task Multipart_WithBothLengths_IsRead()
    {
        // As Go sends attachments.
        var root = SampleRun.Root();
        var part = Part.Post(root);
        Assert.That(await MultipartAsync(part with { Headers = part.Headers + $"\r\nContent-Length: {part.Content.Length}" }), Is.EqualTo(Answer.Accepted));
    }

    [Test]
    public async Task Multipart_FieldWithAByteOrderMark_IsStoredWithoutIt()
    {
        var root = SampleRun.Root().Without("inputs");
        Assert.That(await MultipartAsync(Part.Post(root), new($"post.{root.Id}.inputs", "\uFEFF{\"a\":1}")), Is.EqualTo(Answer.Accepted));

        Assert.That(Collector.AssertOneTrace().Root!.Inputs.ToString(), Is.EqualTo("""{"a":1}"""));
        Assert.That((await GetAsync($"/api/runs/{root.Id}")).Json["inputs"]!.ToJsonString(), Is.EqualTo("""{"a":1}"""));
    }

    [Test]
    public async Task Multipart_WithFeedback_IsAcceptedAndNotKept()
    {
        var root = SampleRun.Root();
        Assert.That(await MultipartAsync(Part.Post(root), new Part($"feedback.{SampleRun.IdOf(SampleRun.Time, 9)}", """{"key":"score"}""")), Is.EqualTo(Answer.Accepted));
        Assert.That(Collector.AssertOneTrace().Runs, Has.Count.EqualTo(1));
    }

    [TestCase("application/json")]
    [TestCase("multipart/form-data")]
    [TestCase("multipart/mixed; boundary=b")]
    [TestCase("nonsense")]
    [TestCase("")]
    public async Task Multipart_OfAnotherContentType_IsRefused(string contentType)
    {
        var answer = await SendAsync(HttpMethod.Post, "/runs/multipart", Bytes([1], contentType));
        Assert.That(answer, Is.EqualTo(Answer.Refused(415, "The body must be multipart/form-data with a boundary.")));
    }

    [Test]
    public async Task Multipart_WithAnEndlessBoundary_IsRefused()
    {
        var answer = await SendAsync(HttpMethod.Post, "/runs/multipart", Bytes([1], "multipart/form-data; boundary=" + new string('b', 5000)));
        Assert.That(answer, Is.EqualTo(Answer.Refused(415, "The boundary of the multipart body has 5000 characters; it may have 70.")));
    }

    [TestCase("")]
    [TestCase("nothing")]
    [TestCase("--boundary\r\n")]
    [TestCase("--boundary\r\nContent-Disposition: form-data; name=\"post.x\"\r\n")]
    [TestCase("--boundary\r\nno header\r\n\r\n{}\r\n--boundary--\r\n")]
    [TestCase("--boundary\r\nContent-Disposition: form-data; name=\"feedback.018bcfe5-687b-7000-8000-000000000001\"\r\nContent-Type: application/json; length=2\r\n\r\n{}")]
    public async Task Multipart_ThatIsCutOff_IsRefused(string body)
    {
        var answer = await SendAsync(HttpMethod.Post, "/runs/multipart", Bytes(Encoding.UTF8.GetBytes(body), "multipart/form-data; boundary=boundary"));
        Assert.That(answer.Status, Is.EqualTo(422));
        Assert.That(answer.Body, Does.StartWith("""{"error":"The multipart body cannot be read: """));
    }

    [Test]
    public async Task Multipart_OfWhichEveryByteCouldBeMissing_NeverFailsOtherwise()
    {
        var root = SampleRun.Root();
        var body = MultipartBytes(Part.Post(root), new($"post.{root.Id}.extra", """{"metadata":{}}"""), new($"attachment.{root.Id}.a", "x", "text/plain"));
        for (var length = 0; length < body.Length - 4; length += 3)
        {
            var answer = await SendAsync(HttpMethod.Post, "/runs/multipart", Bytes(body[..length], "multipart/form-data; boundary=boundary"));
            Assert.That(answer.Status, Is.EqualTo(422), $"{length} bytes: {answer.Body}");
        }

        Assert.That(Collector.Traces, Is.Empty);
    }

    [TestCase("/api")]
    [TestCase("/api/v1")]
    public async Task Runs_PostedToASelfHostedOnesPath_Arrive(string prefix)
    {
        var root = SampleRun.Root().Open();
        Assert.That((await GetAsync($"{prefix}/info")).Status, Is.EqualTo(200));
        Assert.That((await SendAsync(HttpMethod.Post, $"{prefix}/runs/multipart", Multipart(Part.Post(root)))).Status, Is.EqualTo(202));
        Assert.That((await SendAsync(HttpMethod.Patch, $"{prefix}/runs/{root.Id}", Json(root.Patch().ToJsonString()))).Status, Is.EqualTo(202));
        Assert.That(Collector.AssertOneTrace().Runs, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Dispose_WhileABodyIsStillComing_DoesNotWaitForIt()
    {
        using var sender = new TcpClient();
        await sender.ConnectAsync(IPAddress.Loopback, Collector.Endpoint.Port);
        await sender.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"POST /runs/batch HTTP/1.1\r\nHost: 127.0.0.1:{Collector.Endpoint.Port}\r\nContent-Length: 1000\r\n\r\n{{"));
        // The server is at work on it when it has answered another that came later.
        await GetAsync("/info");
        await Collector.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
    }
}
