using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>What many runs cost. <c>LANGSMITH_HTTP_LONG=1</c> makes it the hundred thousand a collector holds.</summary>
public sealed class ScaleTests : CollectorFixture
{
    private const int RunsOfATrace = 20;

    // Payload, dotted order, ids, objects and dictionaries of a run of about 1 KB.
    private const int BytesPerRun = 2300;

    private static readonly int Runs = Environment.GetEnvironmentVariable("LANGSMITH_HTTP_LONG") == "1" ? 100_000 : 10_000;

    [Test]
    public async Task Ingest_OfManyRuns_StaysUnderItsBound()
    {
        // What starting and serving allocate is not the runs'.
        await MultipartAsync([.. Trace(Runs)]);
        await GetAsync("/api/traces?q=x");
        Collector.Clear();
        var before = ObjectGraph.GetSize(Collector.Store);

        var watch = Stopwatch.StartNew();
        for (var number = 0; number < Runs; number += RunsOfATrace)
            Assert.That(await MultipartAsync([.. Trace(number)]), Is.EqualTo(Answer.Accepted));
        await Report("ingest over multipart, with making the bodies", watch);
        var held = ObjectGraph.GetSize(Collector.Store) - before;

        foreach (var path in (string[])["/api/traces", "/api/traces?q=payload+of+run+77&limit=10", "/api/traces?project=default&status=ok", "/api/problems"])
        {
            for (var turn = 1; turn <= 2; turn++)
            {
                watch.Restart();
                var answer = await GetAsync(path);
                await Report($"GET {path} ({turn}.), {answer.Body.Length:N0} characters", watch);
                Assert.That(answer.Status, Is.EqualTo(200));
            }
        }

        var heldAfterReading = ObjectGraph.GetSize(Collector.Store) - before;
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{Runs:N0} runs: {held:N0} bytes, {held / Runs:N0} for each; {heldAfterReading:N0} after reading; the collector counts {Collector.Store.Bytes:N0}"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.DroppedRuns, Is.Zero);
            Assert.That(Collector.Store.RunCount, Is.EqualTo(Runs));
            Assert.That(heldAfterReading, Is.LessThan(Runs * BytesPerRun));
            Assert.That(Collector.Store.Bytes, Is.EqualTo(held).Within(25).Percent, "what it counts is what it holds: its bound means something");
        }
    }

    [Test]
    public async Task Trace_OfTenThousandRuns_IsAnswered()
    {
        var root = SampleRun.Root();
        for (var number = 0; number < 10_000; number += 500)
            await AcceptAsync([.. Enumerable.Range(number, 500).Select(i => i == 0 ? root : root.Child($"{i}", i % 1000, i + 1))]);
        for (var turn = 1; turn <= 2; turn++)
        {
            var watch = Stopwatch.StartNew();
            var answer = await GetAsync($"/api/traces/{root.Id}");
            await Report($"GET /api/traces/(of 10,000 runs) ({turn}.), {answer.Body.Length:N0} characters", watch);
            Assert.That(answer.Json["runs"]!.AsArray(), Has.Count.EqualTo(10_000));
            watch.Restart();
            await GetAsync($"/api/runs/{root.Id}");
            await Report($"GET /api/runs/(of it) ({turn}.)", watch);
        }

        var open = root.Child("open", 1, 20_000).Open();
        await AcceptAsync(open);
        for (var number = 0; number < 10_000; number += 500)
            await AcceptAsync([.. Enumerable.Range(number, 500).Select(i => SampleRun.Root("pending", 30_000 + i).Open())]);
        var problems = Stopwatch.StartNew();
        var json = (await GetAsync("/api/problems")).Json;
        await Report("GET /api/problems (of 10,001)", problems);
        Assert.That((json["total"]!.GetValue<int>(), json["problems"]!.AsArray().Count), Is.EqualTo((10_001, 1000)));
        var changes = Stopwatch.StartNew();
        for (var i = 0; i < 20; i++)
        {
            await AcceptAsync(open);
            await GetAsync("/api/traces");
        }

        await Report("20 changes of it, each with GET /api/traces (of 10,001)", changes);
    }

    private static Task Report(string what, Stopwatch watch) =>
        TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalMilliseconds,10:N1} ms  {what}"));

    private static IEnumerable<Part> Trace(int number)
    {
        var root = SampleRun.RootAt(SampleRun.Time.AddMilliseconds(number), SampleRun.IdOf(SampleRun.Time.AddMilliseconds(number), 1));
        var child = root.Child("child", 1, 2);
        for (var i = 0; i < RunsOfATrace; i++)
        {
            // Two levels below the root, as agents have.
            var run = (i switch { 0 => root, 1 => child, _ => child.Child($"step {i}", i, i + 1) }).Without("inputs").Without("outputs");
            yield return Part.Post(run);
            yield return new($"post.{run.Id}.inputs", Payload("inputs", number + i));
            yield return new($"post.{run.Id}.outputs", Payload("outputs", number + i));
            yield return new($"post.{run.Id}.extra", $$"""{"metadata":{"thread_id":"thread {{number}}","ls_method":"traceable"},"runtime":{"sdk":"langsmith-js","sdk_version":"0.12.0"} }""");
        }
    }

    private static string Payload(string kind, int number)
    {
        var text = new StringBuilder(512);
        while (text.Length < 460)
            text.Append(CultureInfo.InvariantCulture, $"{kind} payload of run {number}, ");
        return new JsonObject { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text.ToString() }) }.ToJsonString();
    }
}
