using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests.Export;

/// <summary>What is done about each status, and what is said about it.</summary>
[NonParallelizable] // Meter listeners are the process's.
public sealed partial class RefusalTests
{
    [TestCase(400, "refused")]
    [TestCase(413, "too_large")]
    [TestCase(422, "refused")]
    public async Task OneBadRunOfAHundred_LosesOnlyItself_WithTheServersReason(int status, string reason)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var requests = 0;
        await using var server = await RefusingAsync(collector, body =>
        {
            Interlocked.Increment(ref requests);
            return body.Contains("\"the bad one\"", StringComparison.Ordinal) ? (status, $"no \"the bad one\" please,\n{ExportBed.Key}") : null;
        });
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 99; i++)
            bed.Trace($"good {i}", 0);
        bed.Trace("the bad one", 0);
        Assert.That(await bed.FlushAsync(), Is.True);
        ExportBed.AssertComplete(collector, 99);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bed.Exporter.PostedOperations, Is.EqualTo(198));
            Assert.That(bed.Exporter.DroppedOperations, Is.EqualTo(2), "its start and its end");
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { [reason] = 2 }));
            Assert.That(bed.DropLines, Has.Length.EqualTo(1));
            Assert.That(bed.DropLines[0], Does.StartWith($"Dropped: Runs did not reach LangSmith ({reason}; starts and ends of runs: 2)").And.EndsWith($"The last answer was: {status} no \"the bad one\" please, …"));
            Assert.That(requests, Is.LessThanOrEqualTo(15), "2 × log2(100) + 1");
        }
    }

    [Test]
    public async Task ServerThatRefusesEverything_IsNotBesieged_AndIsBisectedAgainOnceItTakesSome()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var posts = 0;
        string? bad = "";
        var start = new TaskCompletionSource();
        await using var server = await RefusingAsync(collector, body =>
        {
            Interlocked.Increment(ref posts);
            return bad is not null && body.Contains(bad, StringComparison.Ordinal) ? (400, "no") : null;
        }, start.Task);
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 1000; i++)
            bed.Trace($"run {i}", 0);
        start.SetResult();
        await bed.FlushAsync();
        Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["refused"] = 2000 }));
        Assert.That(posts, Is.EqualTo(80), "64 parts, and 16 runs alone");

        posts = 0;
        for (var i = 0; i < 500; i++)
            bed.Trace($"run {i}", 0);
        await bed.FlushAsync();
        Assert.That(bed.Dropped["refused"], Is.EqualTo(3000));
        Assert.That(posts, Is.EqualTo(17), "all of it, and 16 runs alone");

        bad = "\"bad\"";
        for (var i = 0; i < 100; i++)
            bed.Trace(i % 10 == 0 ? "bad" : $"good {i}", 0);
        await bed.FlushAsync();
        Assert.That(bed.Dropped["refused"], Is.EqualTo(3020));
        ExportBed.AssertComplete(collector, 90);
    }

    // In front, behind an outage of it all, in the middle of others.
    [TestCase(0, 500, false)]
    [TestCase(0, 100, true)]
    [TestCase(300, 900, false)]
    [TestCase(300, 900, true)]
    public async Task BadRunsInARow_CostNoGoodOne(int from, int to, bool isAllRefusedBefore)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var start = new TaskCompletionSource();
        await using var server = await RefusingAsync(collector, static body => body.Contains("\"bad\"", StringComparison.Ordinal) ? (422, "no") : null, start.Task);
        await using var bed = new ExportBed(server.Origin);
        if (isAllRefusedBefore)
        {
            for (var i = 0; i < 1000; i++)
                bed.Trace("bad", 0);
            start.SetResult();
            await bed.FlushAsync();
        }

        var before = bed.Exporter.DroppedOperations;
        for (var i = 0; i < 1000; i++)
            bed.Trace(i >= from && i < to ? "bad" : $"good {i}", 0);
        start.TrySetResult();
        await bed.FlushAsync();
        var bad = to - from;
        Assert.That(bed.Exporter.DroppedOperations - before, Is.EqualTo(2 * bad));
        ExportBed.AssertComplete(collector, 1000 - bad);
    }

    [TestCase(10, 0)]
    [TestCase(10, 5)]
    [TestCase(10, 9)]
    [TestCase(2, 0)]
    public async Task EveryTenthRunBadOfAThousand_OrEverySecond_OnlyTheBadAreLost(int every, int which)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var start = new TaskCompletionSource();
        await using var server = await RefusingAsync(collector, static body => body.Contains("\"bad\"", StringComparison.Ordinal) ? (422, "no") : null, start.Task);
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 1000; i++)
            bed.Trace(i % every == which ? "bad" : $"good {i}", 0);
        start.SetResult();
        await bed.FlushAsync();
        var bad = 1000 / every;
        Assert.That((bed.Exporter.PostedOperations, bed.Exporter.DroppedOperations), Is.EqualTo((2000L - (2 * bad), 2L * bad)));
        ExportBed.AssertComplete(collector, 1000 - bad);
    }

    [Test]
    public async Task ServerThatTakesLessThanItSays_IsSentLessForAWhile_AndLosesNothing()
    {
        var statuses = new List<int>();
        var most = 300_000;
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "GET")
            {
                await context.Response.WriteAsync("""{"batch_ingest_config":{"size_limit":1000,"size_limit_bytes":20971520}}""");
                return;
            }

            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = context.Request.ContentLength > most ? 413 : 202;
            lock (statuses)
                statuses.Add(context.Response.StatusCode);
        });
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 20; i++)
        {
            for (var j = 0; j < 200; j++)
                bed.Tracer.StartRun("t", new { q = new string('q', 10_000) }).Dispose();
            await bed.FlushAsync();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(statuses, Does.Contain(413));
            Assert.That(statuses.LastIndexOf(413), Is.LessThan(30), "of " + statuses.Count);
        }

        // What refused them is gone: one request for what took many.
        most = int.MaxValue;
        bed.Time.Advance(TimeSpan.FromMinutes(11));
        statuses.Clear();
        for (var j = 0; j < 100; j++)
            bed.Tracer.StartRun("t", new { q = new string('q', 10_000) }).Dispose();
        await bed.FlushAsync();
        Assert.That(statuses, Has.Count.InRange(1, 2));
        bed.AssertAllPosted(8200);
    }

    // A part that is earlier than the one above it is known to be refused; of milliseconds the server decides.
    [TestCase("20260101T000002000000Z018bcfe5-687b-7000-8000-000000000001.20260101T000001000000Z018bcfe5-6c63-7000-8000-000000000002", "invalid", "dotted order")]
    [TestCase("20260101T000001000Z018bcfe5-687b-7000-8000-000000000001", "refused", "exactly six fraction digits")]
    public async Task RunBelowADottedOrderThatIsRefused_IsDroppedAlone(string parent, string reason, string said)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("before", 0);
        using (var run = bed.Tracer.StartRun("below", new { q = "below" }, new RunOptions { Parent = RunContext.FromDottedOrder(parent) }))
        {
            Assert.That(run.Run.DottedOrder, Does.StartWith(parent));
            run.Run.End(new { a = "below" });
        }

        bed.Trace("behind", 0);
        await bed.FlushAsync();
        Assert.That(collector.Traces.Select(static trace => trace.Name), Is.EquivalentTo(["before", "behind"]));
        if (reason == "invalid")
            collector.AssertNoProblems();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { [reason] = 2 }), "its start and its end");
            Assert.That(bed.Exporter.PostedOperations, Is.EqualTo(4));
            Assert.That(bed.DropLines, Has.Length.EqualTo(1));
            Assert.That(bed.DropLines[0], Does.Contain($"({reason};").And.Contains(said));
        }
    }

    [TestCase(401, "unauthorized", "Check LANGSMITH_API_KEY")]
    [TestCase(403, "forbidden", "LANGSMITH_WORKSPACE_ID")]
    [TestCase(402, "rejected", "The last answer was: 402 nothing to see")]
    [TestCase(405, "rejected", "Check LANGSMITH_ENDPOINT")]
    [TestCase(301, "rejected", "The last answer was: 301")]
    public async Task Status_ThatNoRetryMends_IsOneRequest_AndSaidOnceWithWhatToDo(int status, string reason, string remedy)
    {
        var requests = 0;
        await using var server = await AnsweringAsync(() =>
        {
            Interlocked.Increment(ref requests);
            return (status, "nothing to see");
        });
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 3; i++)
        {
            bed.Trace($"t{i}", 4);
            await bed.FlushAsync();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(requests, Is.EqualTo(3));
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { [reason] = 30 }));
            Assert.That(bed.DropLines, Has.Length.EqualTo(1));
            Assert.That(bed.DropLines[0], Does.Contain("starts and ends of runs: 10)").And.Contains(remedy));
        }
    }

    [Test]
    public async Task Conflict_IsSuccess()
    {
        await using var server = await AnsweringAsync(static () => (409, ""));
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("t", 4);
        await bed.FlushAsync();
        bed.AssertAllPosted(10);
    }

    [Test]
    public async Task NoMultipart_IsBatchForGood()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var paths = new List<string>();
        collector.Fault = request =>
        {
            lock (paths)
                paths.Add(request.Path);
            return request.Path == "/runs/multipart" ? CollectorFault.Status(404) : null;
        };
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("t", 4);
        await bed.FlushAsync();
        bed.Trace("u", 4);
        await bed.FlushAsync();
        bed.AssertAllPosted(20);
        ExportBed.AssertComplete(collector, 10);
        Assert.That(paths, Is.EqualTo(["/info", "/runs/multipart", "/runs/batch", "/runs/batch"]));
    }

    [Test]
    public async Task ServerThatHasNeither_MayBeLangSmithLater()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var paths = new List<string>();
        collector.Fault = request =>
        {
            lock (paths)
                paths.Add(request.Path);
            return request.Number <= 3 ? CollectorFault.Status(404) : null;
        };
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("t", 0);
        await bed.FlushAsync();
        bed.Trace("u", 0);
        await bed.FlushAsync();
        Assert.That(paths, Is.EqualTo(["/info", "/runs/multipart", "/runs/batch", "/runs/multipart"]));
        Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["rejected"] = 2 }));
        ExportBed.AssertComplete(collector, 1);
    }

    [Test]
    public async Task Drops_AreSaidOnceAMinuteForEachReason_AndTheRestAtTheEnd()
    {
        var bed = new ExportBed(new Uri("http://127.0.0.1:9"), static options =>
        {
            options.MaxQueuedOperations = 1;
            options.ShutdownTimeout = TimeSpan.Zero;
        }, new AnswerHandler(static _ => throw new HttpRequestException()));
        await using (bed)
        {
            bed.Tracer.StartRun("fills the queue").Dispose();
            for (var i = 0; i < 5; i++)
                bed.Trace("t", 0);
            bed.Time.Advance(TimeSpan.FromSeconds(59));
            bed.Trace("t", 0);
            Assert.That(bed.DropLines, Has.Length.EqualTo(1));
            bed.Time.Advance(TimeSpan.FromSeconds(1));
            bed.Trace("t", 0);
            bed.Trace("t", 0);
        }

        Assert.That(
            bed.DropLines.Select(static line => DropLine().Replace(line, "${count} ${reason}")),
            Is.EqualTo(["1 queue_full", "11 queue_full", "2 shutdown", "4 queue_full"]));
        Assert.That(bed.Exporter.DroppedOperations, Is.EqualTo(18));
    }

    [Test]
    public async Task RunAloneLargerThanTheServerTakes_ArrivesWithoutWhatIsTooLarge()
    {
        await using var collector = await LangSmithCollector.StartAsync(static options => options.MaxRequestBytes = 100_000);
        var posts = 0;
        collector.Fault = request =>
        {
            if (request.Path == "/runs/multipart")
                Interlocked.Increment(ref posts);
            return null;
        };
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("so that the limit is known", 0);
        await bed.FlushAsync();

        bed.Trace("fine", 0);
        // Too large from the start; too large with its outputs; too large by them alone.
        bed.Tracer.StartRun("inputs", new { q = Noise(150_000) }).Dispose();
        using (var open = bed.Tracer.StartRun("both", new { q = Noise(60_000) }))
            open.Run.End(new { a = Noise(60_000) });
        using (var open = bed.Tracer.StartRun("outputs", new { q = "outputs" }))
            open.Run.End(new { a = Noise(150_000) });
        await bed.FlushAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bed.Dropped, Is.Empty);
            Assert.That(collector.Problems, Is.Empty, "none was refused, and none looks as if it went on for ever");
            Assert.That(collector.Traces.Select(static trace => trace.Name), Is.EquivalentTo(["so that the limit is known", "fine", "inputs", "both", "outputs"]));
            Assert.That(Root("inputs").Inputs?.GetRawText(), Is.EqualTo("""{"omitted":"0.2 MB"}"""));
            Assert.That(Root("outputs").Outputs?.GetRawText(), Is.EqualTo("""{"omitted":"0.2 MB"}"""));
            Assert.That(Root("outputs").Inputs?.GetRawText(), Is.EqualTo("""{"q":"outputs"}"""));
            Assert.That(new[] { Root("both").Inputs?.GetRawText(), Root("both").Outputs?.GetRawText() }, Has.One.EqualTo("""{"omitted":"0.1 MB"}"""));
            Assert.That(posts, Is.LessThanOrEqualTo(4));
            Assert.That(bed.Exporter.QueuedBytes, Is.Zero);
        }

        CollectedRun Root(string name) => collector.Traces.Single(trace => trace.Name == name).Root!;
    }

    [Test]
    public async Task Updates_AreNotTooLargeForTheInputsTheyDoNotSend()
    {
        await using var collector = await LangSmithCollector.StartAsync(static options => options.MaxRequestBytes = 100_000);
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("so that the limit is known", 0);
        await bed.FlushAsync();
        using (var open = bed.Tracer.StartRun("both", new { q = Noise(60_000) }))
        {
            await bed.FlushAsync();
            open.Run.End(new { a = Noise(60_000) });
        }

        await bed.FlushAsync();
        bed.AssertAllPosted(4);
        collector.AssertNoProblems();
    }

    [Test]
    public async Task TextThatIsNoUnicode_PoisonsNothing()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("good", 0);
        using (var open = bed.Tracer.StartRun("a\ud800b", new { q = "\udc00" }, new RunOptions { Tags = ["\ud800"] }))
        {
            open.Run.AddMetadata("\ud800", "\ud800");
            open.Run.AddEvent("\ud800", "\ud800");
            open.Run.Fail("\ud800");
        }

        await bed.FlushAsync();
        bed.AssertAllPosted(4);
        Assert.That(collector.Traces, Has.Count.EqualTo(2));
    }

    // Gzip must not make it small.
    private static string Noise(int length) => Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(length / 2));

    private static Task<OriginServer> AnsweringAsync(Func<(int Status, string Body)> answer) => OriginServer.StartAsync(async (context, _) =>
    {
        if (context.Request.Method == "GET")
        {
            context.Response.StatusCode = 404;
            return;
        }

        await context.Request.Body.CopyToAsync(Stream.Null);
        var (status, body) = answer();
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(body);
    });

    /// <summary>In front of a collector: refuses by what a body says, and passes the rest on.</summary>
    private static async Task<OriginServer> RefusingAsync(LangSmithCollector collector, Func<string, (int Status, string Body)?> refuse, Task? start = null)
    {
        var client = new HttpClient();
        return await OriginServer.StartAsync(async (context, _) =>
        {
            // Nothing is compressed. Nothing is sent before this is answered: who gives a start has all in one batch.
            if (context.Request.Method == "GET")
            {
                await (start ?? Task.CompletedTask);
                await context.Response.WriteAsync(start is null ? "{}" : """{"batch_ingest_config":{"size_limit":1000}}""");
                return;
            }

            using var buffer = new MemoryStream();
            await context.Request.Body.CopyToAsync(buffer);
            if (refuse(Encoding.UTF8.GetString(buffer.ToArray())) is { } refusal)
            {
                context.Response.StatusCode = refusal.Status;
                await context.Response.WriteAsync(refusal.Body);
                return;
            }

            using var content = new ByteArrayContent(buffer.ToArray());
            content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
            using var response = await client.PostAsync(new Uri(collector.Endpoint, context.Request.Path), content);
            context.Response.StatusCode = (int)response.StatusCode;
        });
    }

    [GeneratedRegex(@"^Dropped: Runs did not reach LangSmith \((?<reason>\w+); starts and ends of runs: (?<count>\d+)\).*")]
    private static partial Regex DropLine();
}
