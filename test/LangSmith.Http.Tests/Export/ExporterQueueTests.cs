using System.Diagnostics;

namespace LangSmith.Http.Tests.Export;

/// <summary>The queue as the application meets it: bounds, threads, flushes and the end.</summary>
[NonParallelizable] // Meter and activity listeners are the process's.
public sealed class ExporterQueueTests
{
    [Test]
    public async Task ManyThreads_EveryRunArrivesOnce_AndWhole([Values(false, true)] bool isFaulty)
    {
        const int Threads = 8;
        const int Runs = 500;
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = isFaulty
            ? static request => (request.Number * 7919 % 7) switch { 0 => CollectorFault.Status(503), 1 => CollectorFault.LoseResponse(), 2 => CollectorFault.ResetMidBody(), _ => null }
            : null;
        await using var bed = new ExportBed(collector.Endpoint, static options => options.FlushInterval = TimeSpan.FromMilliseconds(1));
        var working = Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < Runs / 10; i++)
            {
                using var root = bed.Tracer.StartRun($"{thread}.{i}", new { q = $"{thread}.{i}" });
                for (var j = 1; j < 10; j++)
                {
                    using var child = bed.Tracer.StartRun($"{thread}.{i}.{j}", new { q = $"{thread}.{i}.{j}" });
                    // So that starts and ends meet in the queue, on the way and behind it.
                    if (j % 3 == 0)
                        await Task.Delay(j);
                    else
                        await Task.Yield();
                    child.Run.End(new { a = $"{thread}.{i}.{j}" });
                }

                root.Run.End(new { a = $"{thread}.{i}" });
            }

            return true;
        })));
        await bed.PumpAsync(working);
        Assert.That(await bed.FlushAsync(), Is.True);
        bed.AssertAllPosted(2 * Threads * Runs);
        ExportBed.AssertComplete(collector, Threads * Runs);
    }

    [Test]
    public async Task QueueThatIsFull_DropsWhatItSaysItDrops()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Status(503);
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxQueuedOperations = 500);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
                bed.Trace($"{thread}.{i}", 1);
        })));
        Assert.That(bed.Exporter.QueuedOperations, Is.LessThanOrEqualTo(500));
        collector.Fault = null;
        await bed.FlushAsync();
        // An end in place of one that was dropped is queued after the others.
        await bed.PumpUntilAsync(() => bed.Exporter.QueuedOperations == 0);

        var runs = collector.Traces.SelectMany(static trace => trace.Runs).ToList();
        var dropped = bed.Exporter.DroppedOperations;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(dropped, Is.GreaterThan(0));
            Assert.That(bed.Exporter.PostedOperations + dropped, Is.EqualTo(3200));
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["queue_full"] = dropped + bed.Recovered }));
            Assert.That(bed.Exporter.QueuedOperations, Is.Zero);
            Assert.That(bed.Exporter.QueuedBytes, Is.Zero);
            Assert.That(collector.Problems.Select(static problem => problem.Code).Distinct(), Is.SubsetOf(["parent_missing", "run_pending"]));
            Assert.That(runs.Select(static run => run.Id), Is.Unique);
            Assert.That(3200 - runs.Sum(static run => run.EndTime is null ? 1 : 2), Is.EqualTo(dropped), "lost is what is said to be");
        }

        TestContext.Out.WriteLine($"3200 starts and ends, {bed.Exporter.PostedOperations} posted, {dropped} dropped, {bed.Recovered} recovered, {runs.Count} of 1600 runs");
    }

    [Test]
    public async Task RunsThatDoNotFit_AreLostWhole_AndLostEqualsDropped()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Status(503);
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxQueuedOperations = 100);
        for (var i = 0; i < 250; i++)
            bed.Trace($"t{i}", 0);
        Assert.That((bed.Exporter.QueuedOperations, bed.Exporter.DroppedOperations), Is.EqualTo((100, 300L)));
        collector.Fault = null;
        await bed.FlushAsync();
        Assert.That((bed.Exporter.PostedOperations, bed.Exporter.DroppedOperations), Is.EqualTo((200L, 300L)));
        ExportBed.AssertComplete(collector, 100);
        Assert.That(collector.Traces.Select(static trace => trace.Name), Is.EquivalentTo(Enumerable.Range(0, 100).Select(static i => $"t{i}")), "the newest were refused");
    }

    [Test]
    public async Task StartThatIsLostOnItsWay_IsSentWholeWithTheEnd()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static request => request.Path == "/runs/multipart" ? CollectorFault.Status(403) : null;
        await using var bed = new ExportBed(collector.Endpoint);
        using (var open = bed.Tracer.StartRun("t", new { q = "t" }))
        {
            await bed.FlushAsync();
            Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["forbidden"] = 1 }));
            collector.Fault = null;
            open.Run.End(new { a = "t" });
        }

        await bed.FlushAsync();
        ExportBed.AssertComplete(collector, 1);
        Assert.That((bed.Exporter.PostedOperations, bed.Exporter.DroppedOperations, bed.Recovered), Is.EqualTo((2L, 0L, 1L)));
    }

    [Test]
    public async Task StartThatFoundNoRoom_IsSentWholeWithTheEnd_AndIsNotLost()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxQueuedOperations = 1);
        using (var first = bed.Tracer.StartRun("first", new { q = "first" }))
        {
            using var second = bed.Tracer.StartRun("second", new { q = "second" });
            Assert.That(bed.Exporter.DroppedOperations, Is.EqualTo(1));
            await bed.FlushAsync();
            second.Run.End(new { a = "second" });
            await bed.FlushAsync();
            first.Run.End(new { a = "first" });
        }

        await bed.FlushAsync();
        ExportBed.AssertComplete(collector, 2);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((bed.Exporter.PostedOperations, bed.Exporter.DroppedOperations), Is.EqualTo((4L, 0L)));
            Assert.That((bed.Posted, bed.Dropped["queue_full"], bed.Recovered), Is.EqualTo((4L, 1L, 1L)));
        }
    }

    [Test]
    public async Task EndWhileTheStartIsOnItsWay_IsSentWholeWhenTheStartIsLost()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var answers = 0;
        collector.Fault = request => request.Path == "/runs/multipart" && Interlocked.Increment(ref answers) <= 1 ? CollectorFault.Delay(Timeout.InfiniteTimeSpan) : null;
        await using var bed = new ExportBed(collector.Endpoint, static options =>
        {
            options.RequestTimeout = TimeSpan.FromMinutes(2);
            options.MaxRetryTime = TimeSpan.FromMinutes(2);
        });
        using (var open = bed.Tracer.StartRun("t", new { q = "t" }))
        {
            await bed.PumpUntilAsync(() => Volatile.Read(ref answers) == 1);
            open.Run.End(new { a = "t" });
        }

        await bed.FlushAsync();
        ExportBed.AssertComplete(collector, 1);
        Assert.That((bed.Exporter.PostedOperations, bed.Exporter.DroppedOperations), Is.EqualTo((2L, 0L)));
    }

    [Test]
    public async Task RunsThatStayOpen_KeepTheirIdentityOnly()
    {
        await using var exporter = new LangSmithExporter(
            new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9", ShutdownTimeout = TimeSpan.Zero },
            new AnswerHandler(static request => new HttpResponseMessage(request.Method == HttpMethod.Get ? System.Net.HttpStatusCode.NotFound : System.Net.HttpStatusCode.Accepted)));
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 20; i++)
        {
            await StartAsync(1000);
            Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(60)), Is.True);
        }

        var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.That((exporter.PostedOperations, exporter.DroppedOperations), Is.EqualTo((20_000L, 0L)));
        Assert.That(kept, Is.LessThan(40 << 20), "of 200 MB");
        GC.KeepAlive(tracer);
        TestContext.Out.WriteLine($"20,000 open runs keep {kept:N0} bytes");

        // What it makes current ends with it.
        async Task StartAsync(int count)
        {
            await Task.Yield();
            for (var i = 0; i < count; i++)
                tracer.StartRun("open", null, new RunOptions { Parent = RunParent.None, Metadata = [new("big", new string('m', 10_000))] });
        }
    }

    [TestCase("40 small metadata keys")]
    [TestCase("metadata with 200 numbers in a list")]
    [TestCase("2000 small numbers")]
    [TestCase("20 events")]
    [TestCase("500 new_token events")]
    [TestCase("200 short tags")]
    public async Task QueuedBytes_AreAboutWhatTheQueueHolds(string what)
    {
        // The clock stands still, and no batch gets full: all operations wait.
        await using var exporter = new LangSmithExporter(
            new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9", ShutdownTimeout = TimeSpan.Zero }, new SilentHandler(), new Microsoft.Extensions.Time.Testing.FakeTimeProvider());
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        var numbers = what == "2000 small numbers" ? Enumerable.Range(0, 2000).Select(static i => i % 10).ToArray() : null;
        Start(10);
        var (bytes, before) = (exporter.QueuedBytes, ObjectGraph.GetSize(exporter));
        Start(900);
        var held = ObjectGraph.GetSize(exporter) - before;
        var said = exporter.QueuedBytes - bytes;
        TestContext.Out.WriteLine($"{what}: {said / 1000:N0} bytes said, {held / 1000:N0} held");
        Assert.That((double)said / held, Is.InRange(0.7, 1.5));
        GC.KeepAlive(tracer);

        void Start(int count)
        {
            for (var i = 0; i < count; i++)
            {
                IEnumerable<KeyValuePair<string, object?>> metadata = what switch
                {
                    "40 small metadata keys" => Enumerable.Range(0, 40).Select(j => new KeyValuePair<string, object?>($"key{j}", i + j)),
                    "metadata with 200 numbers in a list" => [new("list", Enumerable.Range(i, 200).ToArray())],
                    _ => [],
                };
                var tags = what == "200 short tags" ? Enumerable.Range(i, 200).Select(static j => $"t{j}").ToArray() : [];
                using var scope = tracer.StartRun("run", numbers, new RunOptions { Metadata = [.. metadata], Tags = tags });
                for (var j = 0; what == "500 new_token events" && j < 500; j++)
                    scope.Run.AddEvent("new_token");
                for (var j = 0; what == "20 events" && j < 20; j++)
                    scope.Run.AddEvent("event", new { number = i + j });
            }
        }
    }

    [Test]
    public async Task FullBatch_GoesWithoutWaitingForTheInterval()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        // Nobody moves the clock.
        await using var bed = new ExportBed(collector.Endpoint, static options => options.MaxBatchOperations = 10);
        bed.Trace("t", 7);
        var waiting = collector.WaitForRunsAsync(10, TimeSpan.FromSeconds(30));
        await Task.Delay(20);
        bed.Trace("u", 1);
        await waiting;
        ExportBed.AssertComplete(collector, 10);
    }

    [Test]
    public async Task Stop_WhileRunsStartAndEnd_LeavesNothingUncounted()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        for (var round = 0; round < 8; round++)
        {
            collector.Clear();
            var told = 0;
            await using var bed = new ExportBed(collector.Endpoint, static options => options.FlushInterval = TimeSpan.FromMilliseconds(1));
            using var stop = new CancellationTokenSource();
            var threads = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    for (var i = 0; i < 20; i++)
                    {
                        bed.Tracer.StartRun("t", new { q = "t" }, new RunOptions { Parent = RunParent.None }).Dispose();
                        Interlocked.Add(ref told, 2);
                    }

                    // The server needs a core too.
                    await Task.Delay(1);
                }
            })).ToList();
            await bed.PumpUntilAsync(() => bed.Exporter.PostedOperations > 100);
            // Twice, at once, and with one who flushes.
            var flush = bed.Exporter.FlushAsync(TimeSpan.FromHours(1));
            await Task.WhenAll(bed.StopAsync(), bed.StopAsync());
            await stop.CancelAsync();
            await Task.WhenAll(threads);
            Assert.That(await flush, Is.True);
            Assert.That(bed.Exporter.PostedOperations + bed.Exporter.DroppedOperations, Is.EqualTo(told));
            Assert.That((bed.Exporter.QueuedOperations, bed.Exporter.QueuedBytes), Is.EqualTo((0, 0L)));
            collector.AssertNoProblems();
        }
    }

    [Test]
    public async Task Stop_WhileEverythingHangs_EndsWithTheTime_AndCountsWhatIsLeft()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static _ => CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        var bed = new ExportBed(collector.Endpoint, static options =>
        {
            options.ShutdownTimeout = TimeSpan.FromSeconds(30);
            options.MaxBatchOperations = 10;
        });
        bed.Trace("t", 99);
        using var open = bed.Tracer.StartRun("open");
        await bed.DisposeAsync();
        Assert.That(bed.Dropped, Is.EqualTo(new Dictionary<string, long> { ["shutdown"] = 201 }));
        Assert.That((bed.Exporter.QueuedOperations, bed.Exporter.QueuedBytes), Is.EqualTo((0, 0L)));
        Assert.That(await bed.Exporter.FlushAsync(TimeSpan.Zero), Is.True);
    }

    [Test]
    public async Task Flush_ThatIsTooShort_SaysSo_AndSendsStill()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = static request => request.Number < 4 ? CollectorFault.Status(503) : null;
        await using var bed = new ExportBed(collector.Endpoint);
        bed.Trace("t", 1);
        Assert.That(await bed.Exporter.FlushAsync(TimeSpan.Zero), Is.False);
        using var cancelled = new CancellationTokenSource();
        var flush = bed.Exporter.FlushAsync(TimeSpan.FromHours(1), cancelled.Token);
        await cancelled.CancelAsync();
        Assert.That(async () => await flush, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await bed.FlushAsync(), Is.True);
        bed.AssertAllPosted(4);
    }

    [Test]
    public async Task Posts_CarryNothingOfWhoeverStartedTheExporter_AndMakeNoActivity()
    {
        var seen = new List<string>();
        await using var server = await OriginServer.StartAsync((_, _) => Task.CompletedTask);
        using var listener = new ActivityListener
        {
            // The runtime's experimental sources tell of connections, whoever opens them.
            ShouldListenTo = static source => !source.Name.StartsWith("Experimental.", StringComparison.Ordinal),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStarted = activity =>
            {
                // The server's own is not ours.
                if (activity.OperationName != "Microsoft.AspNetCore.Hosting.HttpRequestIn")
                    seen.Add(activity.OperationName);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using (var activity = new Activity("caller").SetIdFormat(ActivityIdFormat.W3C).AddBaggage("tenant", "7").Start())
        {
            seen.Clear();
            await using var bed = new ExportBed(server.Origin);
            using (bed.Tracer.StartRun("outer"))
                bed.Trace("t", 3);
            await bed.FlushAsync();
            bed.AssertAllPosted(10);
        }

        var posts = server.Received("").Where(static request => request.Path == "/runs/multipart").ToList();
        Assert.That(posts, Is.Not.Empty);
        foreach (var request in server.Received(""))
        {
            Assert.That(
                request.Headers.Keys.Select(static name => name.ToLowerInvariant()),
                Is.SubsetOf(["host", "user-agent", "accept", "x-api-key", "content-type", "content-length"]));
            Assert.That(request["x-api-key"].ToString(), Is.EqualTo(ExportBed.Key));
        }

        Assert.That(seen, Is.Empty);
    }

    [Test]
    public async Task Loop_HasNoAmbientOfWhoeverStartedIt()
    {
        var ambient = new AsyncLocal<string>();
        var seen = new List<(string?, Activity?, RunTree?)>();
        var handler = new AnswerHandler(_ =>
        {
            lock (seen)
                seen.Add((ambient.Value, Activity.Current, RunTree.Current));
            return new HttpResponseMessage(System.Net.HttpStatusCode.Accepted);
        });
        using var activity = new Activity("caller").Start();
        await using var bed = new ExportBed(new Uri("http://127.0.0.1:9"), null, handler);
        ambient.Value = "the caller's";
        using (bed.Tracer.StartRun("outer"))
        {
            bed.Trace("t", 3);
            // Its continuations must not run on the caller's flow either.
            await bed.FlushAsync();
        }

        await bed.FlushAsync();
        Assert.That(seen, Has.Count.GreaterThanOrEqualTo(3));
        Assert.That(seen, Is.All.EqualTo(((string?)null, (Activity?)null, (RunTree?)null)));
    }

    private sealed class SilentHandler : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return new HttpResponseMessage();
        }
    }
}
