using System.Net.Http.Headers;
using System.Text;

namespace LangSmith.Http.Tests.Collector;

/// <summary>What the real SDKs sent, byte for byte: see the files' heads.</summary>
public sealed class CaptureTests : CollectorFixture
{
    private static readonly string[] JavaScriptTree =
    [
        """bad tool Error in={} out= error=Error: boom tags= attachments=""",
        """root chain Ok in={"args":[1,2]} out={"outputs":"done"} error= tags=a,b attachments=note text/plain 'hi there'""",
        """  child-llm llm Ok in={"q":"x"} out={"answer":42,"usage_metadata":{"input_tokens":3,"output_tokens":5,"total_tokens":8}} error= tags=t1 attachments=""",
    ];

    [TestCase("js-0.12.0-multipart-plain")]
    [TestCase("js-0.12.0-multipart-gzip")]
    public async Task JavaScript_Multipart_IsTheTreeItRecorded(string capture)
    {
        await PostAsync(capture);

        Collector.AssertNoProblems();
        // Compressing, the SDK writes the type as it was given.
        Assert.That(Rows().Select(static row => row.Replace("text/Plain", "text/plain", StringComparison.Ordinal)), Is.EqualTo(JavaScriptTree));
        var root = Collector.Traces.Single(static trace => trace.Name == "root");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.Services, Is.EqualTo(["langsmith-js"]));
            Assert.That(root.Projects, Is.EqualTo(["default"]));
            Assert.That(root.Root!.Metadata["thread_id"].GetString(), Is.EqualTo("th-1"));
            Assert.That(root.Named("child-llm")[0].Metadata["ls_model_name"].GetString(), Is.EqualTo("gpt-x"));
            Assert.That(root.Named("child-llm")[0].ParentRunId, Is.EqualTo(root.Id));
            // Ends are milliseconds, starts have the order as microseconds.
            Assert.That(root.Root.EndTime!.Value.Ticks % TimeSpan.TicksPerMillisecond, Is.Zero);
            Assert.That(root.Duration, Is.GreaterThan(TimeSpan.FromMilliseconds(50)).And.LessThan(TimeSpan.FromMilliseconds(70)));
        }
    }

    [Test]
    public async Task JavaScript_PostAndPatchInTwoRequests_AreOneRun([Values] bool patchFirst)
    {
        string[] captures = ["js-0.12.0-multipart-post-only", "js-0.12.0-multipart-patch-only"];
        foreach (var capture in patchFirst ? Enumerable.Reverse(captures) : captures)
            await PostAsync(capture);

        var run = Collector.AssertOneTrace().Root!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Rows(), Is.EqualTo(["""slow chain Ok in={"q":"hé"} out={"answer":"hé!"} error= tags=x attachments="""]));
            Assert.That(run.Project, Is.EqualTo("proj é"));
            Assert.That(run.StartTime, Is.EqualTo(new DateTimeOffset(2026, 11, 22, 8, 18, 2, 922, 1, TimeSpan.Zero)));
            Assert.That(run.EndTime, Is.EqualTo(DateTimeOffset.FromUnixTimeMilliseconds(1795335483847)));
        }
    }

    [Test]
    public async Task JavaScript_PatchAlone_SaysThatThePostIsMissing()
    {
        await PostAsync("js-0.12.0-multipart-patch-only");
        Assert.That(Collector.Problems.Select(static problem => problem.ToString()), Is.EqualTo(["create_missing: Only updates of 'slow' arrived; its post is missing."]));
    }

    [Test]
    public async Task JavaScript_Batch_IsARun()
    {
        await PostAsync("js-0.12.0-batch-json");
        Collector.AssertOneTrace();
        Assert.That(Rows(), Is.EqualTo(["""x chain Ok in={} out={"outputs":1} error= tags= attachments="""]));
    }

    [Test]
    public async Task JavaScript_SinglePostAndPatch_AreOneRun([Values] bool patchFirst)
    {
        string[] captures = ["js-0.12.0-single-post", "js-0.12.0-single-patch"];
        foreach (var capture in patchFirst ? Enumerable.Reverse(captures) : captures)
            await PostAsync(capture);
        Collector.AssertOneTrace();
        Assert.That(Rows(), Is.EqualTo(["""x chain Ok in={} out={"outputs":1} error= tags= attachments="""]));
    }

    [Test]
    public async Task JavaScript_Info_SaysWhatToSend()
    {
        var answer = await SendCaptureAsync("js-0.12.0-info-get");
        Assert.That(answer, Is.EqualTo(new Answer(200,
            """
            {"version":"0.0.0-collector","batch_ingest_config":{"use_multipart_endpoint":true,"size_limit":100,"size_limit_bytes":20971520,"scale_up_qsize_trigger":200,"scale_up_nthreads_limit":32,"scale_down_nempty_trigger":4},"instance_flags":{"gzip_body_enabled":true,"zstd_compression_enabled":false}}
            """)));
    }

    [Test]
    public async Task Python_Multipart_IsTheTreesItRecorded()
    {
        await PostAsync("python-0.11.1-multipart-plain");

        Collector.AssertNoProblems();
        Assert.That(Rows(), Is.EqualTo((string[])
        [
            """tr chain Ok in={"x":1} out={"y":2} error= tags= attachments=""",
            """bad tool Error in={} out={"output":null} error=ValueError('boom é') tags= attachments=""",
            """root chain Ok in={"a":1,"b":2} out={"output":"done"} error= tags=a,b attachments=att text/Plain 'hi there'""",
            """  child-llm llm Ok in={"q":{"q":"x"}} out={"answer":42,"usage_metadata":{"input_tokens":3,"output_tokens":5,"total_tokens":8}} error= tags=a,b,t1 attachments=""",
        ]));
        var root = Collector.Traces[^1].Root!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.Service, Is.EqualTo("langsmith-py"));
            Assert.That(root.StartTime, Is.EqualTo(new DateTimeOffset(2026, 11, 22, 8, 18, 40, 711, 401, TimeSpan.Zero)));
            Assert.That(root.Events!.Value[0].GetProperty("name").GetString(), Is.EqualTo("uploaded_attachment"));
            Assert.That(Collector.Traces[1].Root!.Error, Does.EndWith("\nValueError: boom é\n"), "the whole of it");
        }
    }

    [Test]
    public async Task Python_SinglePostAndPatch_AreOneRun([Values] bool patchFirst)
    {
        string[] captures = ["python-0.11.1-single-post", "python-0.11.1-single-patch"];
        foreach (var capture in patchFirst ? Enumerable.Reverse(captures) : captures)
            await PostAsync(capture);
        Collector.AssertOneTrace();
        Assert.That(Rows(), Is.EqualTo(["""f chain Ok in={"x":{"a":1}} out={"output":1} error= tags= attachments="""]));
    }

    [TestCase("js-0.12.0-multipart-plain")]
    [TestCase("js-0.12.0-multipart-gzip")]
    [TestCase("python-0.11.1-multipart-plain")]
    public async Task Any_PostedAgain_ChangesNothing(string capture)
    {
        await PostAsync(capture);
        var (rows, text) = (Rows(), string.Concat(Collector.Traces));
        await PostAsync(capture);
        await PostAsync(capture);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Rows(), Is.EqualTo(rows));
            Assert.That(string.Concat(Collector.Traces), Is.EqualTo(text));
            Assert.That(Collector.Problems, Is.Empty);
        }
    }

    private async Task PostAsync(string capture) => Assert.That(await SendCaptureAsync(capture), Is.EqualTo(Answer.Accepted));

    private async Task<Answer> SendCaptureAsync(string capture)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "Data", "captures");
        var head = (await File.ReadAllTextAsync(Path.Combine(folder, capture + ".head"))).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        var line = head[0].Split(' ');
        var body = Path.Combine(folder, capture + ".body");
        using var request = new HttpRequestMessage(new HttpMethod(line[0]), line[1]);
        if (File.Exists(body))
            request.Content = new ByteArrayContent(await File.ReadAllBytesAsync(body));
        foreach (var header in head.Skip(1).Select(static text => text.Split(": ", 2)))
        {
            if (header[0].Equals("transfer-encoding", StringComparison.OrdinalIgnoreCase))
                request.Headers.TransferEncodingChunked = true;
            else if (header[0].Equals("host", StringComparison.OrdinalIgnoreCase) || header[0].Equals("content-length", StringComparison.OrdinalIgnoreCase))
                continue;
            else if (header[0].StartsWith("content-", StringComparison.OrdinalIgnoreCase))
                Assert.That(request.Content!.Headers.TryAddWithoutValidation(header[0], header[1]));
            else
                Assert.That(request.Headers.TryAddWithoutValidation(header[0], header[1]));
        }

        using var response = await Client.SendAsync(request);
        Assert.That(response.Content.Headers.ContentType, Is.EqualTo(MediaTypeHeaderValue.Parse("application/json; charset=utf-8")));
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private string[] Rows() =>
    [
        .. Collector.Traces.SelectMany(static trace => trace.Runs).Select(static run =>
            new string(' ', run.DottedOrder.Count(static character => character == '.') * 2)
            + $"{run.Name} {run.RunType} {run.Status} in={run.Inputs} out={run.Outputs} error={run.Error?.Split('\n')[0]} tags={string.Join(',', run.Tags)} "
            + $"attachments={string.Concat(run.Attachments.Select(static item => $"{item.Name} {item.ContentType} '{Encoding.UTF8.GetString(item.Content.Span)}'"))}"),
    ];
}
