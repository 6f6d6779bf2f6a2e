using System.Net;
using LangSmith.Http.Tests.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http.Tests;

/// <summary>What an endpoint does with its caller's run.</summary>
public sealed class EndpointTests
{
    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001.20231114T221321123456Z018bcfe5-6c63-7000-8000-000000000002";
    private const string Baggage = "langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%7D,langsmith-project=caller,tenant=7";

    [Test]
    public async Task Request_OverThreeEndpoints_HasThreeOutcomes()
    {
        await using var server = await TracedServer.StartAsync(static app =>
        {
            app.MapGet("/continue", Answer);
            app.MapGet("/link", Answer).WithLangSmithTracing(InboundTracing.Link);
            app.MapGet("/ignore", Answer).WithLangSmithTracing(InboundTracing.Ignore);
        });

        foreach (var path in (string[])["/continue", "/link", "/ignore"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("langsmith-trace", Trace);
            request.Headers.TryAddWithoutValidation("baggage", Baggage);
            using var response = await server.Client.SendAsync(request);
            Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(":tenant=7"), "neither header is left, the foreign member is");
        }

        var runs = server.Recorder.Runs.ToDictionary(static run => run.Name);
        using (Assert.EnterMultipleScope())
        {
            var continued = runs["/continue"];
            Assert.That(continued.DottedOrder, Does.StartWith(Trace + "."));
            Assert.That(continued.Project, Is.EqualTo("caller"));
            Assert.That(continued.Metadata["thread_id"].GetString(), Is.EqualTo("t-1"));

            var linked = runs["/link"];
            Assert.That(linked.ParentRunId, Is.Null);
            Assert.That(linked.Project, Is.EqualTo("server"));
            Assert.That(linked.Metadata.ToDictionary(static pair => pair.Key, static pair => pair.Value.GetString()), Is.EquivalentTo(new Dictionary<string, string>
            {
                ["linked_trace_id"] = "018bcfe5-687b-7000-8000-000000000001",
                ["linked_run_id"] = "018bcfe5-6c63-7000-8000-000000000002",
            }));

            var ignored = runs["/ignore"];
            Assert.That(ignored.ParentRunId, Is.Null);
            Assert.That(ignored.Metadata, Is.Empty);
        }

        static string Answer(HttpContext context, LangSmithTracer tracer) =>
            tracer.Run(context.Request.Path.Value!, _ => $"{context.Request.Headers["langsmith-trace"]}:{context.Request.Headers["baggage"]}");
    }

    [Test]
    public async Task WithLangSmithTracing_GroupsEndpointsAndAttributes_TheNearestWins()
    {
        await using var server = await TracedServer.StartAsync(static app =>
        {
            var outer = app.MapGroup("/outer").WithLangSmithTracing(InboundTracing.Link);
            outer.MapGet("/plain", Run);
            outer.MapGet("/endpoint", Run).WithLangSmithTracing(InboundTracing.Ignore);
            outer.MapGet("/attribute", [LangSmithTracing(InboundTracing.Continue)] (HttpContext context, LangSmithTracer tracer) => Run(context, tracer))
                .WithLangSmithTracing(InboundTracing.Ignore);
            outer.MapGroup("/unmarked").MapGet("/plain", Run);
            var inner = outer.MapGroup("/inner");
            inner.MapGet("/plain", Run);
            inner.MapGet("/endpoint", Run).WithLangSmithTracing(InboundTracing.Link);
            // Said after the endpoints were mapped: it is the place that counts, not the time.
            inner.WithLangSmithTracing(InboundTracing.Ignore);
            app.MapGet("/twice", Run).WithLangSmithTracing(InboundTracing.Ignore).WithLangSmithTracing(InboundTracing.Link);
        });

        Assert.That(await OutcomesAsync(server, "/outer/plain", "/outer/endpoint", "/outer/attribute", "/outer/unmarked/plain", "/outer/inner/plain", "/outer/inner/endpoint", "/twice"), Is.EqualTo(new[]
        {
            "/outer/plain linked",
            "/outer/endpoint ignored",
            "/outer/attribute continued",
            "/outer/unmarked/plain linked",
            "/outer/inner/plain ignored",
            "/outer/inner/endpoint linked",
            "/twice linked",
        }));
    }

    [TestCase(null, "continued")]
    [TestCase(InboundTracing.Ignore, "ignored")]
    public async Task WithLangSmithTracing_Controllers_AttributesWinAndTheActionIsNearest(InboundTracing? all, string plain)
    {
        await using var server = await TracedServer.StartAsync(
            app =>
            {
                var controllers = app.MapControllers();
                if (all is { } tracing)
                    controllers.WithLangSmithTracing(tracing);
            },
            services: static services => services.AddControllers().AddApplicationPart(typeof(TracedController).Assembly));

        Assert.That(await OutcomesAsync(server, "/mvc/plain", "/mvc/action", "/mvc/linked/plain", "/mvc/linked/action"), Is.EqualTo(new[]
        {
            $"/mvc/plain {plain}",
            "/mvc/action linked",
            "/mvc/linked/plain linked",
            "/mvc/linked/action continued",
        }));
    }

    [TestCase(-1)]
    [TestCase(3)]
    public async Task WithLangSmithTracing_NoneOfTheValues_Throws(int tracing)
    {
        await using var app = WebApplication.CreateSlimBuilder().Build();
        var endpoint = app.MapGet("/", static () => "");
        Assert.That(() => endpoint.WithLangSmithTracing((InboundTracing)tracing), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase(false, "/marked", 1)]
    [TestCase(false, "/hub/negotiate", 1)]
    [TestCase(false, "/plain", 0)]
    [TestCase(false, "/nowhere", 0)]
    [TestCase(true, "/marked", 0)]
    [TestCase(true, "/hub/negotiate", 0)]
    [TestCase(true, "/nowhere", 0)]
    public async Task UseLangSmithTracing_BeforeRouting_LogsOneErrorWhereAnEndpointHasAWord(bool isRoutedFirst, string path, int errors)
    {
        using var logs = new LogLines();
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                app.MapGet("/plain", Run);
                app.MapGet("/marked", Run).WithLangSmithTracing(InboundTracing.Link);
                app.MapHub<Hub>("/hub");
            },
            services: static services => services.AddSignalR(),
            build: app =>
            {
                if (isRoutedFirst)
                    app.UseRouting();
                app.UseLangSmithTracing();
                if (!isRoutedFirst)
                    app.UseRouting();
            },
            logs: logs);

        for (var i = 0; i < 20; i++)
        {
            using var response = await server.Client.GetAsCallerAsync(path, method: path.EndsWith("negotiate", StringComparison.Ordinal) ? HttpMethod.Post : null);
        }

        var lines = logs.Ours.Where(static line => line.Level == LogLevel.Error).ToArray();
        Assert.That(lines, Has.Length.EqualTo(errors));
        Assert.That(lines, Has.All.Matches<(LogLevel Level, EventId Event, string Text, Exception? Exception)>(static line => line.Event.Id == 22 && line.Text.Contains("UseRouting()", StringComparison.Ordinal)));
    }

    [TestCase("/svc/marked")]
    [TestCase("/branch/marked")]
    public async Task UseLangSmithTracing_BeforePathBaseOrABranch_LogsOneError(string path)
    {
        using var logs = new LogLines();
        await using var server = await TracedServer.StartAsync(
            static _ => { },
            build: static app =>
            {
                app.UseLangSmithTracing();
                app.Map("/branch", static branch => Route(branch));
                app.UsePathBase("/svc");
                Route(app);
            },
            logs: logs);

        using var response = await server.Client.GetAsCallerAsync(path);

        Assert.That(logs.Ours.Select(static line => line.Event.Id), Has.One.EqualTo(22));

        static void Route(IApplicationBuilder app) =>
            app.UseRouting().UseEndpoints(static endpoints => endpoints.MapGet("/marked", Run).WithLangSmithTracing(InboundTracing.Ignore));
    }

    [TestCase("/hubs/plain", "ignored")]
    [TestCase("/hubs/own", "continued")]
    [TestCase("/hubs/declared", "linked")]
    public async Task WithLangSmithTracing_OnAGroup_DoesNotReachHubs(string hub, string reason)
    {
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                var hubs = app.MapGroup("/hubs").WithLangSmithTracing(InboundTracing.Continue);
                hubs.MapHub<Hub>("/plain");
                hubs.MapHub<Hub>("/own").WithLangSmithTracing(InboundTracing.Continue);
                hubs.MapHub<LinkedHub>("/declared");
            },
            services: static services => services.AddSignalR());
        using var counts = new Counts();

        using var response = await server.Client.GetAsCallerAsync($"{hub}/negotiate");

        Assert.That(counts[$"langsmith.http.inbound:{reason}"], Is.EqualTo(1));
    }

    [TestCase(LogLevel.Debug, true)]
    [TestCase(LogLevel.Warning, false)]
    [TestCase(LogLevel.Error, true)]
    public async Task Logger_Throws_TheRequestIsAnswered(LogLevel level, bool isTrusted)
    {
        using var logs = new ThrowingLogs(level);
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGet("/marked", Run).WithLangSmithTracing(InboundTracing.Link),
            options => options.Trust.When(_ => isTrusted ? ValueTask.FromResult(true) : throw new InvalidOperationException()),
            build: static app =>
            {
                app.UseLangSmithTracing();
                app.UseRouting();
            },
            logs: logs);

        using var response = await server.Client.GetAsCallerAsync("/marked");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(logs.Count, Is.GreaterThan(0));
    }

    [Test]
    public async Task UseLangSmithTracing_ErrorEndpointOfAPathWithoutOne_IsNotSeenTooLate()
    {
        using var logs = new LogLines();
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGet("/error", Run).WithLangSmithTracing(InboundTracing.Link),
            build: static app =>
            {
                app.UseLangSmithTracing();
                app.UseStatusCodePagesWithReExecute("/error");
            },
            logs: logs);

        using var response = await server.Client.GetAsCallerAsync("/nowhere");

        Assert.That(server.Recorder.Runs, Has.Count.EqualTo(1), "the error endpoint ran");
        Assert.That(logs.Ours.Where(static line => line.Event.Id == 22), Is.Empty);
    }

    [Test]
    public async Task UseLangSmithTracing_Twice_ChangesNothing([Values] bool hasCaller, [Values] bool isBranch)
    {
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGet("/answer", static () => RunTree.Current?.Name),
            static options =>
            {
                options.Trust.FromAnyone();
                options.StartRunPerRequest = true;
            },
            build: app =>
            {
                if (isBranch)
                    app.UseWhen(static _ => true, static branch => branch.UseLangSmithTracing());
                else
                    app.UseLangSmithTracing();
                app.UseLangSmithTracing();
            });
        using var counts = new Counts();

        using var response = hasCaller ? await server.Client.GetAsCallerAsync("/answer") : await server.Client.GetAsync("/answer");

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("GET /answer"), "the request's run is current");
        Assert.That(server.Recorder.Runs, Has.Count.EqualTo(1));
        Assert.That(server.Recorder.Runs[0].ParentRunId.HasValue, Is.EqualTo(hasCaller));
        Assert.That(counts[hasCaller ? "langsmith.http.inbound:continued" : "langsmith.http.inbound:absent"], Is.EqualTo(1));
    }

    [Test]
    public async Task UseLangSmithTracing_TwiceWithNothingToDo_CountsTheRequestOnce()
    {
        await using var server = await TracedServer.StartAsync(static app => app.MapGet("/answer", Run), build: static app => app.UseLangSmithTracing().UseLangSmithTracing());
        using var counts = new Counts();

        using var response = await server.Client.GetAsync("/answer");

        Assert.That(counts["langsmith.http.inbound:absent"], Is.EqualTo(1));
    }

    [Test]
    public async Task Request_RunAgainForAnError_KeepsTheCallersRunAndHasOneRun(
        [Values] bool startsRun, [Values] bool isTracingOutside, [Values("/throws", "/refuses")] string path)
    {
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                app.MapGet("/throws", static void () => throw new InvalidOperationException("no answer"));
                app.MapGet("/refuses", static () => Results.StatusCode(418));
                app.MapGet("/error", Run);
            },
            options =>
            {
                options.Trust.FromAnyone();
                options.StartRunPerRequest = startsRun;
            },
            build: app =>
            {
                if (isTracingOutside)
                    app.UseLangSmithTracing();
                if (path == "/throws")
                    app.UseExceptionHandler("/error");
                else
                    app.UseStatusCodePagesWithReExecute("/error");
                if (!isTracingOutside)
                    app.UseLangSmithTracing();
            });

        using var response = await server.Client.GetAsCallerAsync(path);

        Assert.That((int)response.StatusCode, Is.EqualTo(path == "/throws" ? 500 : 418));
        Assert.That(server.Recorder.Runs.Select(static run => run.Name), Is.EqualTo(startsRun ? new[] { $"GET {path}", "/error" } : ["/error"]));
        using (Assert.EnterMultipleScope())
        {
            var error = server.Recorder.Single("/error");
            Assert.That(error.DottedOrder, Does.StartWith(Trace + "."));
            Assert.That(error.ParentRunId, Is.EqualTo(startsRun ? server.Recorder.Runs[0].Id : Guid.Parse(Recording.RemoteRunId)));
            Assert.That(error.Project, Is.EqualTo("caller"));
        }
    }

    private static void Run(HttpContext context, LangSmithTracer tracer) => tracer.Run(context.Request.Path.Value!, static _ => { });

    /// <summary>What became of the caller's run on each path.</summary>
    private static async Task<string[]> OutcomesAsync(TracedServer server, params string[] paths)
    {
        foreach (var path in paths)
        {
            using var response = await server.Client.GetAsCallerAsync(path);
            response.EnsureSuccessStatusCode();
        }

        return [.. server.Recorder.Runs.Select(static run =>
            $"{run.Name} {(run.ParentRunId is not null ? "continued" : run.Metadata.ContainsKey("linked_run_id") ? "linked" : "ignored")}")];
    }

    [LangSmithTracing(InboundTracing.Link)]
    private sealed class LinkedHub : Hub;

    private sealed class ThrowingLogs(LogLevel level) : ILoggerProvider, ILogger
    {
        private int _count;

        internal int Count => _count;

        public ILogger CreateLogger(string categoryName) => categoryName == InboundLog.Category ? this : NullLogger.Instance;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            // Not at start-up.
            if (logLevel != level || eventId.Id is not (20 or 22 or 23))
                return;
            Interlocked.Increment(ref _count);
            throw new InvalidOperationException("The log is full.");
        }
    }
}
