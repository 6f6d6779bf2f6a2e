using System.Globalization;
using System.IO.Hashing;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Interop.Tests;

/// <summary>
/// Two services sample, each at its own rate: what becomes of 200 traces. Whole: both are recorded. Hole: the first is, the next is not.
/// Fragment: only the next is, as a root of its own. Orphan: only the next is, below a run that nobody records.
/// </summary>
public sealed class SamplingTests : NodeTests
{
    private const int Traces = 200;

    public enum Service
    {
        DotNet,
        Node,
        PythonShaped,
    }

    private static IEnumerable<TestCaseData> Cells()
    {
        foreach (var (first, next) in new (double?, double?)[] { (0.5, 0.5), (0.1, null), (null, 0.1) })
        {
            foreach (var service in new[] { Service.DotNet, Service.Node })
            {
                foreach (var nextService in Enum.GetValues<Service>())
                {
                    foreach (var forwards in new[] { false, true })
                    {
                        // The option is ours: where no service is, there is one cell.
                        if (!forwards || service == Service.DotNet || nextService == Service.DotNet)
                            yield return new TestCaseData(service, nextService, first, next, forwards);
                    }
                }
            }
        }
    }

    [TestCaseSource(nameof(Cells))]
    public async Task Traces_TwoServicesSample_NoRunIsOrphaned(Service first, Service next, double? firstRate, double? nextRate, bool forwards)
    {
        await using var nextService = await NextAsync(next, nextRate, forwards);
        var firstRuns = first == Service.DotNet
            ? await AskFromDotNetAsync(nextService.Address, firstRate, forwards)
            : await AskFromNodeAsync(nextService.Address, firstRate);
        var nextRuns = await nextService.RunsAsync();

        var recorded = firstRuns.Select(static run => run.Id).ToHashSet();
        var whole = nextRuns.Count(run => run.ParentRunId is { } parent && recorded.Contains(parent));
        var fragments = nextRuns.Count(static run => run.ParentRunId is null);
        var orphans = nextRuns.Count - whole - fragments;
        await TestContext.Out.WriteLineAsync(
            $"{first} ({firstRate?.ToString(CultureInfo.InvariantCulture) ?? "unset"}) to {next} ({nextRate?.ToString(CultureInfo.InvariantCulture) ?? "unset"}), "
            + $"forwarding {(forwards ? "on" : "off")}: {whole} whole, {recorded.Count - whole} holes, {fragments} fragments, {orphans} orphans");

        Assert.Multiple(() =>
        {
            Assert.That(firstRuns, firstRate is null ? Has.Count.EqualTo(Traces) : Has.Count.InRange(1, Traces - 1));
            // .NET as the next service is told; others only agree if they hash at the same rate or a lower one.
            if (first == Service.DotNet ? !forwards || next == Service.DotNet || firstRate == nextRate : firstRate == nextRate || firstRate is null)
                Assert.That(orphans, Is.Zero);
            if (firstRate == nextRate)
                Assert.That(whole, Is.EqualTo(recorded.Count), "no holes at equal rates");
            if (first == Service.DotNet && (forwards || next == Service.DotNet))
                Assert.That(fragments, Is.Zero, "the next service knows the trace");
        });
    }

    private async Task<IReadOnlyList<Seen>> AskFromNodeAsync(Uri next, double? rate)
    {
        var client = Start("client.mjs", "first", Rate(rate));
        await client.CompleteAsync(Enumerable.Range(0, Traces).Select(number => JsonSerializer.Serialize(new { url = next, question = new { question = $"{number}" } })));
        return Seen.Of(PostedRuns().Where(static run => run.Service == "first"));
    }

    private static async Task<IReadOnlyList<Seen>> AskFromDotNetAsync(Uri next, double? rate, bool forwards)
    {
        var recorder = new SamplingRecorder(rate);
        var services = new ServiceCollection();
        services.AddSingleton<IRunRecorder>(_ => recorder);
        services.AddLangSmith(options => (options.Tracing, options.Project, options.ForwardSampledOutTraces) = (true, "first", forwards));
        services.AddHttpClient("next").AddHttpMessageHandler<LangSmithPropagationHandler>();
        await using var provider = services.BuildServiceProvider();
        var tracer = provider.GetRequiredService<LangSmithTracer>();
        var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("next");
        await Parallel.ForEachAsync(Enumerable.Range(0, Traces), async (number, stop) => await tracer.RunAsync("ask", async _ =>
        {
            using var response = await http.PostAsJsonAsync(next, new { question = $"{number}" }, stop);
            response.EnsureSuccessStatusCode();
        }));
        return Seen.Of(TracedRun.Of("first", recorder.Kept));
    }

    private async Task<NextService> NextAsync(Service service, double? rate, bool forwards)
    {
        switch (service)
        {
            case Service.Node:
                var program = Start("server.mjs", "next", Rate(rate));
                return new NextService(new Uri(await program.ListensAsync(), "answer"), null, async () =>
                {
                    await program.FlushAsync();
                    return Seen.Of(PostedRuns().Where(static run => run.Service == "next"));
                });
            case Service.PythonShaped:
                var runs = new List<Seen>();
                var python = await TracedServer.StartAsync(
                    app => app.MapPost("/", (HttpRequest request) => AnswerAsPython(request, rate, runs)), records: false, build: static _ => { });
                return new NextService(python.Origin, python, () => Task.FromResult<IReadOnlyList<Seen>>(runs));
            default:
                var recorder = new SamplingRecorder(rate);
                var server = await TracedServer.StartAsync(
                    static app => app.MapPost("/", static (LangSmithTracer tracer) => tracer.Run("answer", static _ => 42)),
                    records: false,
                    services: services => services.AddSingleton<IRunRecorder>(_ => recorder)
                        .Configure<LangSmithOptions>(options => options.ForwardSampledOutTraces = forwards));
                return new NextService(server.Origin, server, () => Task.FromResult(Seen.Of(TracedRun.Of("next", recorder.Kept))));
        }
    }

    // What Python does since it hashes (wire.md §4.4): it knows no langsmith-sampled, and without a trace it starts one.
    private static int AnswerAsPython(HttpRequest request, double? rate, List<Seen> runs)
    {
        var id = Guid.NewGuid().ToString();
        var parents = ((string?)request.Headers["langsmith-trace"])?.Split('.').Select(static segment => segment[^36..]).ToArray() ?? [];
        var trace = parents.FirstOrDefault() ?? id;
        var bucket = (int)(XxHash128.HashToUInt128(Encoding.UTF8.GetBytes(trace)) % 1_000_000);
        if (rate is null || (double)bucket / 1_000_000 < rate)
        {
            lock (runs)
                runs.Add(new Seen(id, parents.LastOrDefault()));
        }

        return 42;
    }

    private static (string Name, string Value)[] Rate(double? rate) =>
        rate is null ? [] : [("LANGSMITH_TRACING_SAMPLING_RATE", rate.Value.ToString(CultureInfo.InvariantCulture))];

    private sealed record Seen(string Id, string? ParentRunId)
    {
        internal static IReadOnlyList<Seen> Of(IEnumerable<TracedRun> runs) => [.. runs.Select(static run => new Seen(run.Id, run.ParentRunId))];
    }

    private sealed record NextService(Uri Address, IAsyncDisposable? Server, Func<Task<IReadOnlyList<Seen>>> RunsAsync) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Server?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <summary>Decides as the exporter does, and keeps what it would post.</summary>
    private sealed class SamplingRecorder(double? rate) : IRunRecorder, IAsyncDisposable
    {
        private readonly LangSmithExporter _exporter = new(new LangSmithExportOptions { ApiKey = "none", SamplingRate = rate });

        internal InMemoryRunRecorder Kept { get; } = new();

        public bool ShouldRecord(Guid traceId) => _exporter.ShouldRecord(traceId);

        public void OnStart(RunSnapshot run) => Kept.OnStart(run);

        public void OnEnd(RunSnapshot run) => Kept.OnEnd(run);

        public ValueTask DisposeAsync() => _exporter.DisposeAsync();
    }
}
