using System.Diagnostics;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Trace;

namespace LangSmith.Http.Tests;

/// <summary>
/// What arrives, cell by cell: the client packages people use, in situations from public bug reports. Real packages, real
/// Kestrel, real sockets. The table is in <c>test/README.md</c>.
/// </summary>
[NonParallelizable] // Activity listeners, OpenTelemetry and Sentry are the process's.
public sealed class ClientTableTests
{
    private const string CallerBaggage = "userId=alice;prop=1";

    private TestService _first = null!;
    private TestService _other = null!;

    public enum Tracing
    {
        None,

        // With baggage of its own, and what ASP.NET Core takes over from an outside caller.
        Activity,

        OpenTelemetry,

        // With Baggage.Current.
        OpenTelemetryBaggage,
        OpenTelemetrySampledOut,
    }

    private static readonly Situation[] Situations =
    [
        new("plain", Tracing.None, "ok"),
        new("activity", Tracing.Activity, "ok"),
        new("OTel", Tracing.OpenTelemetry, "ok"),
        new("OTel baggage", Tracing.OpenTelemetryBaggage, "ok"),
        new("OTel baggage, not sampled", Tracing.OpenTelemetrySampledOut, "ok"),
        new("caller's baggage", Tracing.None, "ok") { Baggage = CallerBaggage },
        new("caller's and OTel baggage", Tracing.OpenTelemetryBaggage, "ok") { Baggage = CallerBaggage },
        new("retry", Tracing.None, "flaky") { Needs = Feature.Retry },
        new("retry, activity", Tracing.Activity, "flaky") { Needs = Feature.Retry },
        new("retry, OTel baggage", Tracing.OpenTelemetryBaggage, "flaky") { Needs = Feature.Retry },
        new("redirect, OTel baggage", Tracing.OpenTelemetryBaggage, "/same") { Needs = Feature.Redirect },
        new("redirect away", Tracing.None, "/away") { Needs = Feature.Redirect },
        new("redirect away, activity", Tracing.Activity, "/away") { Needs = Feature.Redirect },
        new("redirect away, OTel baggage", Tracing.OpenTelemetryBaggage, "/away") { Needs = Feature.Redirect },
        new("away, then retried", Tracing.OpenTelemetryBaggage, "/away-flaky") { Needs = Feature.Redirect | Feature.Retry },
        new("away to a target", Tracing.OpenTelemetryBaggage, "/away") { Needs = Feature.Redirect | Feature.Targets, Targets = Targeted.Both },
        new("away from targets", Tracing.OpenTelemetryBaggage, "/away") { Needs = Feature.Redirect | Feature.Targets, Targets = Targeted.First },
    ];

    private enum Targeted
    {
        None,
        First,
        Both,
    }

    private static IEnumerable<TestCaseData> Cells =>
        from client in Clients.All
        from situation in Situations
        where CanBe(client, situation)
        select new TestCaseData(client, situation).SetArgDisplayNames(client.Name, situation.Name);

    [OneTimeSetUp]
    public async Task StartServices()
    {
        _other = await TestService.StartAsync();
        _first = await TestService.StartAsync();
        _first.Other = _other.Origin;
    }

    [OneTimeTearDown]
    public async Task StopServices()
    {
        await _first.DisposeAsync();
        await _other.DisposeAsync();
    }

    [TestCaseSource(nameof(Cells))]
    public async Task Send_EveryCell_TheRightBytesArrive(object client, object situation) =>
        await AssertCellAsync((ClientUnderTest)client, (Situation)situation);

    [Test]
    public void Table_InTheReadme_IsTheOneTested()
    {
        var page = File.ReadAllText(Repository.PathTo("test/README.md")).ReplaceLineEndings("\n");
        var table = BuildTable();
        Assert.That(page, Does.Contain(table), $"Put this into test/README.md:\n{table}");
    }

    private static bool CanBe(ClientUnderTest client, Situation situation) => (client.Missing & situation.AllNeeds) == Feature.None;

    private static bool LeaksWithoutTargets(ClientUnderTest client, Situation situation) =>
        client.FollowsWithNewMessages && situation.IsAway && situation.Targets is Targeted.None;

    private static string BuildTable()
    {
        var table = new StringBuilder("| situation |");
        foreach (var number in Enumerable.Range(1, Clients.All.Length))
            table.Append(' ').Append(number).Append(" |");
        table.Append("\n|---|").Append(string.Concat(Enumerable.Repeat("---|", Clients.All.Length))).Append('\n');
        foreach (var situation in Situations)
        {
            table.Append("| ").Append(situation.Name).Append(" |");
            foreach (var client in Clients.All)
                table.Append(!CanBe(client, situation) ? " – |" : LeaksWithoutTargets(client, situation) ? " T |" : " ✓ |");
            table.Append('\n');
        }

        table.Append('\n');
        for (var i = 0; i < Clients.All.Length; i++)
            table.Append(i + 1).Append(". ").Append(Clients.All[i].Name).Append('\n');
        return table.ToString();
    }

    private async Task AssertCellAsync(ClientUnderTest client, Situation situation)
    {
        _first.Clear();
        _other.Clear();
        var owned = new List<IDisposable>();
        using var openTelemetry = StartOpenTelemetry(situation.Tracing);
        using var activity = situation.Tracing is Tracing.Activity
            ? new Activity("request").AddBaggage("tenant", "7").AddBaggage("langsmith-project", "INBOUND").Start()
            : null;
        try
        {
            var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });
            using var scope = tracer.StartRun("ask");
            scope.Run.AddMetadata("thread_id", "t-1");
            var send = client.Create(new ClientSetup(_first, options => AddTargets(options, situation.Targets), owned));
            var path = situation.Path switch
            {
                "ok" => client.OkPath,
                "flaky" => client.FlakyPath,
                var other => other,
            };

            await send(path, situation.Baggage);

            var ours = scope.Run.ToHeaders();
            var foreign = string.Join(',', GetForeignMembers(situation));
            Assert.Multiple(() =>
            {
                // Some retries send the first message again, and are redirected once more.
                Assert.That(_first.Received, Has.Length.EqualTo(situation.Path is "flaky" or "/same" ? 2 : 1)
                    .Or.Length.EqualTo(situation.Path is "/away-flaky" ? 2 : 1), "requests at the first origin");
                Assert.That(_other.Received, Has.Length.EqualTo(situation.Path is "/away" ? 1 : situation.Path is "/away-flaky" ? 2 : 0), "at the other");
                foreach (var received in _first.Received)
                    AssertAllowed(client, received, ours, foreign);
                foreach (var received in _other.Received)
                {
                    if (situation.Targets is Targeted.Both || LeaksWithoutTargets(client, situation))
                        AssertAllowed(client, received, ours, foreign);
                    else
                        AssertDenied(client, received, foreign);
                }
            });
        }
        finally
        {
            Baggage.ClearBaggage();
            owned.Reverse();
            owned.ForEach(static item => item.Dispose());
        }
    }

    private static void AssertAllowed(ClientUnderTest client, ReceivedRequest received, IReadOnlyDictionary<string, string> ours, string foreign)
    {
        var expected = foreign.Length == 0 ? ours["baggage"] : ours["baggage"] + "," + foreign;
        Assert.That(received["langsmith-trace"].ToArray(), Is.EqualTo(new[] { ours["langsmith-trace"] }), received.Path);
        AssertBaggage(client, received, expected);
    }

    private static void AssertDenied(ClientUnderTest client, ReceivedRequest received, string foreign)
    {
        Assert.That(received["langsmith-trace"].ToArray(), Is.Empty, received.Path);
        AssertBaggage(client, received, foreign);
    }

    private static void AssertBaggage(ClientUnderTest client, ReceivedRequest received, string expected)
    {
        var lines = received["baggage"].ToArray();
        if (!client.RewritesBaggage)
        {
            Assert.That(lines, Is.EqualTo(expected.Length == 0 ? [] : new[] { expected }), received.Path);
            return;
        }

        // Sentry writes the members of others anew, beside its own.
        var members = string.Join(",", lines).Split(new[] { ",", ", " }, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.That(members.Where(static member => member.StartsWith("sentry-", StringComparison.Ordinal)), Is.Not.Empty, received.Path);
        var others = members.Where(static member => !member.StartsWith("sentry-", StringComparison.Ordinal)).Select(Uri.UnescapeDataString);
        Assert.That(others, Is.EquivalentTo(expected.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString)), received.Path);
        Assert.That(members, Is.Unique, received.Path);
    }

    private void AddTargets(LangSmithPropagationOptions options, Targeted targets)
    {
        if (targets is not Targeted.None)
            options.Targets.Add(_first.Origin.GetLeftPart(UriPartial.Authority));
        if (targets is Targeted.Both)
            options.Targets.Add(_other.Origin.GetLeftPart(UriPartial.Authority));
    }

    private static IEnumerable<string> GetForeignMembers(Situation situation)
    {
        if (situation.Baggage is not null)
            yield return situation.Baggage;
        if (situation.Tracing is Tracing.OpenTelemetryBaggage or Tracing.OpenTelemetrySampledOut)
            yield return "otel=1";
        if (situation.Tracing is Tracing.Activity)
            yield return "tenant=7";
    }

    private static TracerProvider? StartOpenTelemetry(Tracing tracing)
    {
        if (tracing is Tracing.None or Tracing.Activity)
            return null;
        if (tracing is not Tracing.OpenTelemetry)
            Baggage.SetBaggage("otel", "1");
        return Sdk.CreateTracerProviderBuilder()
            .SetSampler(tracing is Tracing.OpenTelemetrySampledOut ? new AlwaysOffSampler() : new AlwaysOnSampler())
            .AddHttpClientInstrumentation().Build();
    }

    private sealed record Situation(string Name, Tracing Tracing, string Path)
    {
        public string? Baggage { get; init; }

        public Targeted Targets { get; init; }

        public Feature Needs { get; init; }

        public Feature AllNeeds => Needs
            | (Baggage is null ? Feature.None : Feature.CallerBaggage)
            | (Tracing is Tracing.OpenTelemetryBaggage or Tracing.OpenTelemetrySampledOut ? Feature.OpenTelemetryBaggage : Feature.None);

        public bool IsAway => Path.StartsWith("/away", StringComparison.Ordinal);
    }
}
