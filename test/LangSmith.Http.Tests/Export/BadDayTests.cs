using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests.Export;

/// <summary>The ordinary bad days: slow lines, poisonous runs, pages in front of LangSmith, clocks that are wrong.</summary>
[NonParallelizable] // Meter listeners are the process's.
public sealed class BadDayTests
{
    [Test]
    public async Task SlowLine_ABacklogOfLargeBodies_ArrivesWithLittleSentTwice()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        // A replica at a tenth: a line that carries 3 MB/s, and 3 seconds a request instead of 30.
        await using var line = new SlowLine(collector.Endpoint, bytesPerSecond: 3_000_000);
        await using var exporter = new LangSmithExporter(
            new LangSmithExportOptions
            {
                Endpoint = line.Address.ToString(),
                ApiKey = "none",
                RequestTimeout = TimeSpan.FromSeconds(3),
                ShutdownTimeout = TimeSpan.FromMinutes(2),
            },
            SlowLine.CreateHandler());
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true, Project = "p" });
        // As text, 100,000 bytes that the fastest gzip does not make smaller.
        var random = new Random(7);
        var bytes = new byte[75_000];
        for (var i = 0; i < 240; i++)
        {
            random.NextBytes(bytes);
            tracer.StartRun($"run {i}", new { text = Convert.ToBase64String(bytes) }).Dispose();
        }

        Assert.That(await exporter.FlushAsync(TimeSpan.FromMinutes(2)), Is.True);

        const long Stored = 240 * 100_000;
        await TestContext.Out.WriteLineAsync($"{Stored:N0} bytes to send, {line.SentBytes:N0} bytes over the line");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((exporter.DroppedOperations, exporter.PostedOperations), Is.EqualTo((0L, 480L)));
            Assert.That(collector.Traces, Has.Count.EqualTo(240));
            Assert.That(line.SentBytes, Is.LessThan(Stored * 1.5));
        }
    }

    [TestCase(504)]
    [TestCase(408)]
    public async Task GatewayThatGivesUpOnLargeBodies_EverythingArrivesInSmallerOnes(int status)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var refused = 0;
        await using var server = await RefusingAsync(collector, (context, _) =>
        {
            if (context.Request.ContentLength < 300_000)
                return null;
            Interlocked.Increment(ref refused);
            return (status, "{}");
        });
        await using var bed = new ExportBed(server.Origin);
        for (var i = 0; i < 30; i++)
            bed.Tracer.StartRun($"run {i}", new { text = new string('x', 50_000) }).Dispose();

        Assert.That(await bed.FlushAsync(), Is.True);

        bed.AssertAllPosted(60);
        Assert.That(collector.Traces, Has.Count.EqualTo(30));
        Assert.That(refused, Is.InRange(1, 12), "the limit is learned");
    }

    [Test]
    public async Task OneRunThatMakesTheServerFail_WhileOthersGetThrough_LosesOnlyItself()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var server = await RefusingAsync(collector, static (_, body) => body.Contains("\"the bad one\"", StringComparison.Ordinal) ? (500, """{"detail":"database"}""") : null);
        await using var bed = new ExportBed(server.Origin, static options => options.MaxBatchOperations = 100);
        for (var i = 0; i < 200; i++)
            bed.Trace(i == 130 ? "the bad one" : $"run {i}", 0);

        Assert.That(await bed.FlushAsync(), Is.True);

        ExportBed.AssertComplete(collector, 199);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["retries_exhausted"] = 2 }));
            Assert.That(bed.DropLines.Single(), Does.Contain("database"), "the server's reason");
        }
    }

    [TestCase("text/html; charset=utf-8", "<html>Sign in</html>")]
    [TestCase("text/plain", "Please sign in")]
    [TestCase("application/xhtml+xml", "<html/>")]
    [TestCase("text/html", "<html>Conflict</html>", 409)]
    public async Task AnswerOfSomethingElse_IsNotPosted_AndTheRemedyIsSaid(string type, string page, int status = 200)
    {
        await using var server = await OriginServer.StartAsync((context, _) =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            return context.Response.WriteAsync(page);
        });
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("run", 0);

        await bed.FlushAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((bed.Posted, bed.Exporter.PostedOperations), Is.EqualTo((0L, 0L)));
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["not_lang_smith"] = 2 }));
            Assert.That(bed.DropLines.Single(), Does.Contain("What answered is not LangSmith").And.Contain($"{status} ({type.Split(';')[0]}) {page}"));
            Assert.That(bed.Exporter.Trouble, Does.Contain("What answered is not LangSmith"), "the health check");
        }
    }

    [TestCase(403, """{"detail":"Workspace is read-only"}""", null, "Workspace is read-only")]
    [TestCase(301, "", "https://langsmith.internal/api/runs", "301 Location: https://langsmith.internal/api/runs")]
    public async Task Refusal_TheServersReason_IsInTheLogAndTheHealthCheck(int status, string body, string? location, string expected)
    {
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            context.Response.StatusCode = context.Request.Method == "GET" ? 200 : status;
            if (location is not null)
                context.Response.Headers.Location = location;
            await context.Response.WriteAsync(context.Request.Method == "GET" ? "{}" : body);
        });
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("run", 0);

        await bed.FlushAsync();

        Assert.That(bed.DropLines.Single(), Does.Contain(expected));
        Assert.That(bed.Exporter.Trouble, Does.Contain(expected));
    }

    [Test]
    public async Task QuotaUsedUp_TheServersReasonIsInTheLogAndTheHealthCheck()
    {
        await using var server = await OriginServer.StartAsync(static async (context, _) =>
        {
            context.Response.StatusCode = context.Request.Method == "GET" ? 200 : 429;
            await context.Response.WriteAsync(context.Request.Method == "GET" ? "{}" : """{"detail":"Monthly unique traces usage limit exceeded"}""");
        });
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("run", 0);

        await bed.PumpUntilAsync(() => bed.Log.Any(static line => line.StartsWith("Unreachable", StringComparison.Ordinal)));

        Assert.That(bed.Log, Has.Some.Contains("429 {\"detail\":\"Monthly unique traces usage limit exceeded\"}"));
        Assert.That(bed.Exporter.Trouble, Does.Contain("Monthly unique traces usage limit exceeded"));
    }

    [Test]
    public async Task RetryAfter_AsADate_IsMeasuredByTheServersClock()
    {
        var attempts = new List<DateTimeOffset>();
        ExportBed bed = null!;
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "POST")
            {
                attempts.Add(bed.Time.GetUtcNow());
                // The server's clock is ten minutes ahead of ours.
                var now = bed.Time.GetUtcNow().AddMinutes(10);
                context.Response.Headers.Date = now.ToString("R", CultureInfo.InvariantCulture);
                if (attempts.Count == 1)
                {
                    context.Response.StatusCode = 429;
                    context.Response.Headers.RetryAfter = now.AddSeconds(30).ToString("R", CultureInfo.InvariantCulture);
                }
            }

            await context.Response.WriteAsync("{}");
        });
        await using (bed = new ExportBed(server.Origin, static options => options.MaxRetryTime = TimeSpan.FromMinutes(5)))
        {
            bed.Trace("run", 0);
            Assert.That(await bed.FlushAsync(), Is.True);
            bed.AssertAllPosted(2);
        }

        Assert.That(attempts[1] - attempts[0], Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(29)).And.LessThan(TimeSpan.FromMinutes(5)));
    }

    [Test]
    public async Task HiddenOutputs_TheTokenCountsAreSent()
    {
        await using var server = await IngestServer.StartAsync();
        await using var bed = new ExportBed(new Uri(server.Endpoint), static options => options.HideOutputs = true);
        using (var run = bed.Tracer.StartRun("run"))
            run.Run.End(new { text = "content", usage_metadata = new { input_tokens = 7 } });

        await bed.FlushAsync();

        var sent = string.Concat(server.Posts.Select(static post => post.Text));
        Assert.That(sent, Does.Contain("\"usage_metadata\":{\"input_tokens\":7}").And.Not.Contain("content\":").And.Not.Contain("\"content\""));
    }

    [Test]
    public async Task ServerWithoutMultipart_GetsNoGzip()
    {
        var encodings = new List<string>();
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "POST")
                encodings.Add($"{context.Request.Path} {context.Request.Headers.ContentEncoding}".TrimEnd());
            context.Response.StatusCode = context.Request.Path == "/runs/multipart" ? 404 : 200;
            await context.Response.WriteAsync("""{"instance_flags":{"gzip_body_enabled":true}}""");
        });
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("run", 0);

        await bed.FlushAsync();

        Assert.That(encodings, Is.EqualTo(new[] { "/runs/multipart gzip", "/runs/batch" }));
    }

    [Test]
    public async Task LangSmithComesBackAsTheApplicationEnds_WhatWaitsIsTriedAtOnce()
    {
        var status = 503;
        var posts = 0;
        await using var server = await OriginServer.StartAsync((context, _) =>
        {
            context.Response.StatusCode = context.Request.Method == "GET" ? 200 : status;
            Interlocked.Add(ref posts, context.Request.Method == "GET" ? 0 : 1);
            return context.Response.WriteAsync("{}");
        });
        await using var bed = new ExportBed(server.Origin, static options => options.MaxBatchOperations = 50);
        for (var i = 0; i < 200; i++)
            bed.Trace($"run {i}", 0);
        await bed.PumpUntilAsync(() => Volatile.Read(ref posts) >= 20);
        status = 202;

        // In four seconds, while back-off and a broken circuit take five each.
        var stopping = bed.Exporter.DisposeAsync().AsTask();
        for (var i = 0; i < 8 && !stopping.IsCompleted; i++)
        {
            await Task.WhenAny(stopping, Task.Delay(500));
            bed.Time.Advance(TimeSpan.FromMilliseconds(500));
        }

        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
        bed.AssertAllPosted(400);
    }

    [Test]
    public async Task Shutdown_WhatIsNotSent_IsOneLine()
    {
        await using var server = await OriginServer.StartAsync(static (context, _) =>
        {
            context.Response.StatusCode = context.Request.Method == "GET" ? 200 : 503;
            return context.Response.WriteAsync("{}");
        });
        var bed = new ExportBed(server.Origin, static options =>
        {
            options.MaxBatchOperations = 2;
            options.ShutdownTimeout = TimeSpan.FromSeconds(1);
        });
        for (var i = 0; i < 20; i++)
            bed.Trace($"run {i}", 0);

        await bed.DisposeAsync();

        Assert.That(bed.DropLines.Single(), Does.StartWith("Dropped: Runs did not reach LangSmith (shutdown; starts and ends of runs: 40). The application ended"));
    }

    private static async Task<OriginServer> RefusingAsync(LangSmithCollector collector, Func<HttpContext, string, (int Status, string Body)?> refuse)
    {
        var client = new HttpClient();
        return await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "GET")
            {
                await context.Response.WriteAsync("""{"batch_ingest_config":{"size_limit":1000}}""");
                return;
            }

            using var buffer = new MemoryStream();
            await context.Request.Body.CopyToAsync(buffer);
            if (refuse(context, Encoding.UTF8.GetString(buffer.ToArray())) is not { } refusal)
            {
                await ForwardAsync(client, collector, context, buffer.ToArray());
                return;
            }

            context.Response.StatusCode = refusal.Status;
            await context.Response.WriteAsync(refusal.Body);
        });
    }

    private static async Task ForwardAsync(HttpClient client, LangSmithCollector collector, HttpContext context, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        using var response = await client.PostAsync(new Uri(collector.Endpoint, context.Request.Path), content);
        context.Response.StatusCode = (int)response.StatusCode;
    }
}
