using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Export;

/// <summary>What LangSmith does wrong costs time, and no run, while the bounds hold.</summary>
[NonParallelizable] // Meter listeners are the process's.
public sealed class FaultToleranceTests
{
    private static readonly int[] Transient = [408, 425, 429, 500, 502, 504];

    private static readonly TestCaseData<Func<CollectorRequest, CollectorFault?>>[] Faults =
    [
        Fault("503 storm, circuit breaker included", static request => request.Number <= 25 ? CollectorFault.Status(503) : null),
        Fault("408, 425, 429, 500, 502, 504 in turn", static request => request.Number <= 12 ? CollectorFault.Status(Transient[request.Number % 6]) : null),
        Fault("429 with Retry-After", static request => request.Number % 3 != 0 && request.Number < 15 ? CollectorFault.Status(429, TimeSpan.FromSeconds(7)) : null),
        Fault("every other is reset in the middle of the body", static request => request.Number % 2 == 0 ? CollectorFault.ResetMidBody() : null),
        Fault("half of the answers are lost", static request => request.Number % 2 == 0 ? CollectorFault.LoseResponse() : null),
        Fault("the first never answer", static request => request.Number <= 4 ? CollectorFault.Delay(Timeout.InfiniteTimeSpan) : null),
        Fault("all of it by turns", static request => (request.Number * 7919 % 11) switch
        {
            0 or 1 => CollectorFault.Status(503),
            2 => CollectorFault.ResetMidBody(),
            3 or 4 => CollectorFault.LoseResponse(),
            5 => CollectorFault.Delay(TimeSpan.FromMilliseconds(20)),
            6 => CollectorFault.Status(429, TimeSpan.FromSeconds(2)),
            _ => null,
        }),
    ];

    [TestCaseSource(nameof(Faults))]
    public async Task Fault_ThatPasses_LosesNothing(Func<CollectorRequest, CollectorFault?> fault)
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var requests = 0L;
        collector.Fault = request =>
        {
            requests = request.Number;
            return fault(request);
        };
        await using var bed = new ExportBed(collector.Endpoint, static options =>
        {
            options.MaxBatchOperations = 40;
            options.RequestTimeout = TimeSpan.FromSeconds(60);
        });
        for (var i = 0; i < 30; i++)
        {
            bed.Trace($"t{i}", 9);
            // Some starts are on their way when their ends come.
            await Task.Delay(1);
            bed.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.That(await bed.FlushAsync(), Is.True);
        bed.AssertAllPosted(600);
        ExportBed.AssertComplete(collector, 300);
        TestContext.Out.WriteLine($"300 runs, {requests} requests, {bed.Log.Count(static line => line.StartsWith("Retry", StringComparison.Ordinal))} retries, 0 lost");
    }

    [Test]
    public async Task HandlerOfTheUsers_ThatThrowsOnce_LosesNothing()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var throwing = new ThrowOnce { InnerHandler = new SocketsHttpHandler() };
        await using var bed = new ExportBed(collector.Endpoint, null, throwing);
        bed.Trace("t", 4);
        await bed.FlushAsync();
        Assert.That(throwing.Posts, Is.EqualTo(2));
        bed.AssertAllPosted(10);
        ExportBed.AssertComplete(collector, 5);
    }

    [Test]
    public async Task ServerThatReadsSlowly_LosesNothing_AndIsSentFourRequestsAtOnce()
    {
        var (posts, now, most) = (0, 0, 0);
        var gate = new object();
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "GET")
                return;
            lock (gate)
            {
                posts++;
                most = Math.Max(most, ++now);
            }

            // 100 KB in pieces of 4.
            var piece = new byte[4096];
            while (await context.Request.Body.ReadAsync(piece) > 0)
                await Task.Delay(5);
            lock (gate)
                now--;
            context.Response.StatusCode = 202;
        });
        await using var bed = new ExportBed(server.Origin, static options => options.MaxBatchOperations = 10);
        for (var i = 0; i < 200; i++)
            bed.Tracer.StartRun("t", new { q = new string('q', 10_000) }).Dispose();
        await bed.FlushAsync();
        bed.AssertAllPosted(400);
        Assert.That(most, Is.InRange(1, 4));
        Assert.That(posts, Is.GreaterThanOrEqualTo(20));
    }

    [Test]
    public async Task RetryAfter_IsHonoured()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        ExportBed bed = null!;
        var at = new List<DateTimeOffset>();
        collector.Fault = request =>
        {
            if (request.Path != "/runs/multipart")
                return null;
            lock (at)
                at.Add(bed.Time.GetUtcNow());
            return request.Number == 2 ? CollectorFault.Status(429, TimeSpan.FromSeconds(60)) : null;
        };
        await using (bed = new ExportBed(collector.Endpoint))
        {
            bed.Trace("t", 0);
            await bed.FlushAsync();
            bed.AssertAllPosted(2);
        }

        Assert.That(at, Has.Count.EqualTo(2));
        Assert.That(at[1] - at[0], Is.GreaterThanOrEqualTo(TimeSpan.FromSeconds(60)));
        Assert.That(bed.Log, Has.One.EqualTo("Retry: A batch of runs is sent again in 00:01:00: 429 {\"error\":\"A fault that was asked for.\"}."));
    }

    [TestCase("120", 120)]
    [TestCase("Thu, 01 Jan 2026 02:00:00 GMT", 3600)]
    [TestCase("2147483647", 3600)]
    [TestCase("Fri, 31 Dec 9999 23:59:59 GMT", 3600)]
    public async Task RetryAfter_LongerThanThereIsTime_IsMaxRetryTime(string value, int seconds)
    {
        var handler = new AnswerHandler(request =>
        {
            var response = new HttpResponseMessage(request.Method == HttpMethod.Get ? HttpStatusCode.NotFound : HttpStatusCode.TooManyRequests);
            response.Headers.TryAddWithoutValidation("Retry-After", value);
            return response;
        });
        await using var bed = new ExportBed(new Uri("http://127.0.0.1:9"), static options => options.ShutdownTimeout = TimeSpan.Zero, handler);
        bed.Trace("t", 0);
        await bed.PumpUntilAsync(() => bed.Log.Any(static line => line.StartsWith("Retry", StringComparison.Ordinal)));
        var line = bed.Log.First(static line => line.StartsWith("Retry", StringComparison.Ordinal));
        var delay = TimeSpan.Parse(line.Split(" in ")[1].Split(": ")[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.That(delay, Is.EqualTo(TimeSpan.FromSeconds(seconds)).Within(TimeSpan.FromSeconds(1)));
        Assert.That(bed.Exporter.DroppedOperations, Is.Zero);
    }

    [Test]
    public async Task Retries_WithoutRetryAfter_AreSpreadByChance()
    {
        var handler = new AnswerHandler(static _ => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable));
        await using var bed = new ExportBed(new Uri("http://127.0.0.1:9"), static options =>
        {
            options.MaxBatchOperations = 1;
            options.ShutdownTimeout = TimeSpan.Zero;
        }, handler);
        bed.Trace("t", 3);
        await bed.PumpUntilAsync(() => bed.Log.Count(static line => line.StartsWith("Retry", StringComparison.Ordinal)) >= 8);
        Assert.That(bed.Log.Where(static line => line.StartsWith("Retry", StringComparison.Ordinal)).Distinct().Count(), Is.GreaterThan(4));
    }

    [Test]
    public async Task Server_ThatNeverAnswers_IsGivenUpAfterMaxRetryTime_AndTheLossIsCounted()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        await using var bed = new ExportBed(collector.Endpoint, static options =>
        {
            options.RequestTimeout = TimeSpan.FromSeconds(5);
            options.MaxRetryTime = TimeSpan.FromSeconds(30);
        });
        for (var i = 0; i < 5; i++)
            bed.Trace($"t{i}", 9);
        Assert.That(await bed.FlushAsync(), Is.True, "given up is done");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bed.Exporter.DroppedOperations, Is.EqualTo(100));
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["retries_exhausted"] = 100 }));
            Assert.That(bed.Exporter.QueuedBytes, Is.Zero);
            Assert.That(collector.Traces, Is.Empty);
            Assert.That(bed.DropLines, Has.Length.EqualTo(1));
        }
    }

    [Test]
    public async Task Answer_WhoseBodyDripsForEver_IsAnAnswer()
    {
        var posts = 0;
        await using var server = await OriginServer.StartAsync(async (context, _) =>
        {
            if (context.Request.Method == "GET")
            {
                context.Response.StatusCode = 404;
                return;
            }

            Interlocked.Increment(ref posts);
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = 202;
            await context.Response.StartAsync();
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(" ");
                await Task.Delay(5);
            }
        });
        await using var bed = new ExportBed(server.Origin);
        bed.Trace("t", 0);
        Assert.That(await bed.FlushAsync(), Is.True);
        bed.AssertAllPosted(2);
        Assert.That(posts, Is.EqualTo(1));
    }

    [Test]
    public async Task ConnectionRefused_UntilTheServerIsBack_LosesNothing()
    {
        var collector = await LangSmithCollector.StartAsync();
        var endpoint = collector.Endpoint;
        await using var bed = new ExportBed(endpoint);
        bed.Trace("before", 9);
        await bed.FlushAsync();
        ExportBed.AssertComplete(collector, 10);
        await collector.DisposeAsync();

        bed.Trace("while it is down", 9);
        await bed.PumpUntilAsync(() => bed.Log.Count(static line => line.StartsWith("Retry", StringComparison.Ordinal)) >= 2);
        await using var restarted = await LangSmithCollector.StartAsync(options => options.Port = endpoint.Port);
        await bed.FlushAsync();
        bed.AssertAllPosted(40);
        ExportBed.AssertComplete(restarted, 10);
    }

    [Test]
    public async Task NameThatDoesNotResolve_IsTriedAgain_UntilItDoes()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var failures = 0;
        var handler = ExportClient.CreateHandler();
        // What a resolver says of a name that is not there (.invalid never is); then the name is.
        handler.ConnectCallback = async (context, cancellationToken) =>
        {
            if (Interlocked.Increment(ref failures) <= 3)
                await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, collector.Endpoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        };
        // The collector answers to loopback names only.
        await using var bed = new ExportBed(new Uri("http://langsmith.invalid"), options => options.Headers["Host"] = collector.Endpoint.Authority, handler);
        bed.Trace("t", 9);
        await bed.FlushAsync();
        bed.AssertAllPosted(20);
        ExportBed.AssertComplete(collector, 10);
        Assert.That(failures, Is.GreaterThan(3));
    }

    [Test]
    public async Task Info_ThatFails_IsAskedForOnceAMinute_AndHoldsNothingUp()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var infos = 0;
        var posts = 0;
        collector.Fault = request =>
        {
            if (request.Path != "/info")
            {
                Interlocked.Increment(ref posts);
                return null;
            }

            Interlocked.Increment(ref infos);
            return CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        };
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxBatchOperations = 1);
        bed.Trace("t", 9);
        await bed.FlushAsync();
        bed.AssertAllPosted(20);
        Assert.That((posts, infos), Is.EqualTo((10, 1)));
        bed.Time.Advance(TimeSpan.FromMinutes(2));
        collector.Fault = null;
        bed.Trace("u", 0);
        await bed.FlushAsync();
        ExportBed.AssertComplete(collector, 11);
    }

    [Test]
    public async Task Caller_IsNeverHeldUp_AndSeesNoException_WhenEverythingFails()
    {
        // A logger that throws, a handler that throws what no handler should, and a caller whose flow is suppressed.
        var handler = new AnswerHandler(static _ => throw new InvalidOperationException("boom"));
        await using var bed = new ExportBed(new Uri("http://127.0.0.1:9"), static options => options.MaxRetryTime = TimeSpan.FromMinutes(1), handler, new ThrowingLogger());
        using var faults = new Runs.FaultCounter();
        using (ExecutionContext.SuppressFlow())
            bed.Trace("t", 4);
        Assert.That(await bed.FlushAsync(), Is.True);
        bed.Trace("u", 4);
        Assert.That(await bed.FlushAsync(), Is.True, "the loop goes on");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(faults["recorder_failed"], Is.Zero);
            Assert.That(bed.Exporter.DroppedOperations, Is.EqualTo(20));
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["retries_exhausted"] = 20 }));
            Assert.That(bed.Exporter.QueuedOperations, Is.Zero);
        }
    }

    [Test]
    public async Task Caller_WhileEveryThreadThatSendsIsBlocked_GoesOn()
    {
        using var gate = new ManualResetEventSlim();
        var handler = new BlockingHandler(gate);
        var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9", MaxQueuedOperations = 1000 }, handler);
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        // On a thread of its own: the blocked ones are the pool's. Were it held up, it would be for ever.
        await Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < 10_000; i++)
                    tracer.StartRun("run", new { i }).Dispose();
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).WaitAsync(TimeSpan.FromMinutes(1));
        await handler.Called.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.That(exporter.QueuedOperations, Is.InRange(1, 1000));
        Assert.That(exporter.DroppedOperations, Is.InRange(18_000, 20_000));
        gate.Set();
        await exporter.DisposeAsync();
        Assert.That(exporter.PostedOperations + exporter.DroppedOperations, Is.EqualTo(20_000));
    }

    [Test]
    public async Task Failure_OfOurs_LosesTheBatch_AndIsLoggedOnceAMinute()
    {
        var lines = new LogLines();
        var given = ExportSettingsReader.TryRead(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9" }, out _)!;
        var broken = new ExportSettings
        {
            Options = given.Options,
            Endpoint = given.Endpoint,
            ApiKey = null,
            WorkspaceId = null,
            RevisionId = null,
            SamplingRate = 1,
            HideInputs = false,
            HideOutputs = false,
            HideMetadata = false,
            IsEnabled = static () => true,
            // What is ours and throws: no value of the user's gets that far.
            Runtime = null!,
        };
        await using var exporter = new LangSmithExporter(
            broken, new ExportClient(new AnswerHandler(static _ => new HttpResponseMessage(HttpStatusCode.Accepted))), TimeProvider.System, new LoggerFactory([lines]).CreateLogger("LangSmith.Http.Export"));
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        for (var i = 0; i < 3; i++)
        {
            tracer.StartRun("t").Dispose();
            Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        }

        Assert.That(exporter.DroppedOperations, Is.EqualTo(6));
        Assert.That(lines.Ours.Count(static line => line.Event.Name == "ExportFailed"), Is.EqualTo(1));
        Assert.That(lines.Ours.First(static line => line.Event.Name == "Dropped").Text, Does.Contain("(failed;"));
    }

    private sealed class BlockingHandler(ManualResetEventSlim gate) : HttpMessageHandler
    {
        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Called.TrySetResult();
            gate.Wait(CancellationToken.None);
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.Accepted));
        }
    }

    private static TestCaseData<Func<CollectorRequest, CollectorFault?>> Fault(string name, Func<CollectorRequest, CollectorFault?> fault) =>
        new(fault) { TestName = $"Fault_ThatPasses_LosesNothing({name})" };

    private sealed class ThrowOnce : DelegatingHandler
    {
        public int Posts { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Method == HttpMethod.Post && ++Posts == 1)
                throw new InvalidOperationException("no token");
            return base.SendAsync(request, cancellationToken);
        }
    }
}
