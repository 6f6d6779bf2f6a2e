using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests.Collector;

/// <summary>What the page and other languages' tests read, who may, and where it can be put.</summary>
public sealed class CollectorApiTests : CollectorFixture
{
    private const string Hostile = "</script><script>alert(1)</script>\"><img src=x onerror=alert(1)> \u2028 & ' é🎉";

    private static JsonObject Service(string name, string? thread = null) => new()
    {
        ["metadata"] = thread is null ? new JsonObject() : new JsonObject { ["thread_id"] = thread },
        ["runtime"] = new JsonObject { ["service"] = name },
    };

    [Test]
    public async Task Traces_Listed_HaveThisShape()
    {
        var root = SampleRun.Root("ask").With("extra", Service("gateway", "t-1"));
        await AcceptAsync(root, root.Child("answer").With("extra", Service("answers")).With("error", "no"), root.Child("open", 2, 3).Open().With("extra", Service("answers")), root.Child("open", 3, 4).Open());
        var answer = await GetAsync("/api/traces");
        Assert.That(answer.Status, Is.EqualTo(200));
        AssertJson(answer.Json,
            $$"""
            {"version":1,"total":1,"runs":4,"dropped":0,"problems":2,"projects":["default"],"services":["answers","gateway","unknown"],"traces":[
              {"id":"{{root.Id}}","name":"ask","project":"default","services":["gateway","answers","unknown"],"status":"error","start":"2026-11-22T08:00:00.000000Z","duration_ms":null,"errors":1,"pending":2,"problems":2,"thread_id":"t-1","changes":4,"runs":4}]}
            """);
    }

    [Test]
    public async Task Traces_OneOfItsRunsWasRefused_CountIt()
    {
        var root = SampleRun.Root("ask");
        await AcceptAsync(root);
        Assert.That((await BatchAsync(root.Child("answer").With("dotted_order", "garbage"))).Status, Is.EqualTo(400));

        var line = (await GetAsync("/api/traces")).Json!["traces"]![0]!;
        var trace = (await GetAsync($"/api/traces/{root.Id}")).Json!;
        Assert.That(line["problems"]!.GetValue<int>(), Is.EqualTo(1));
        Assert.That(trace["problems"]!.GetValue<int>(), Is.EqualTo(1));
        Assert.That(trace["problem_list"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Traces_Filtered_AreThoseThatMatchAll()
    {
        var a = SampleRun.Root("a", 1).With("extra", Service("web"));
        var b = SampleRun.Root("b", 2).With("extra", Service("web")).With("session_name", "other").With("error", "Boom: überall");
        var c = SampleRun.Root("c", 3).With("extra", Service("jobs")).Open();
        var d = SampleRun.Root("d", 4).With("tags", new JsonArray("Tagged"));
        await AcceptAsync(a, a.Child("deep", 1, 11).With("inputs", new JsonObject { ["q"] = "needle \"quoted\" ü" }).With("extra", Service("search")), b, c, d);

        await AssertTracesAsync("", "d c b a");
        await AssertTracesAsync("?project=other", "b");
        await AssertTracesAsync("?project=default", "d c a");
        await AssertTracesAsync("?project=none", "");
        await AssertTracesAsync("?status=ok", "d a");
        await AssertTracesAsync("?status=error", "b");
        await AssertTracesAsync("?status=pending", "c");
        await AssertTracesAsync("?service=search", "a");
        await AssertTracesAsync("?service=web", "b a");
        await AssertTracesAsync("?service=web&status=ok&project=default", "a");
        await AssertTracesAsync("?q=NEEDLE", "a");
        await AssertTracesAsync("?q=" + Uri.EscapeDataString("\"quoted\" ü"), "a");
        await AssertTracesAsync("?q=" + Uri.EscapeDataString("ÜBERALL"), "b");
        await AssertTracesAsync("?q=tagged", "d");
        await AssertTracesAsync("?q=" + b.Id.ToString()[..^1], "d c b a");
        await AssertTracesAsync("?q=" + b.Id, "b");
        await AssertTracesAsync("?q=nothing", "");
        await AssertTracesAsync("?limit=2", "d c", total: 4);
        await AssertTracesAsync("?limit=0", "", total: 4);
        foreach (var limit in (string[])["x", "-1", "99999999999", ""])
            await AssertTracesAsync("?limit=" + limit, "d c b a");
    }

    [Test]
    public async Task Trace_Asked_HasThisShape()
    {
        var root = SampleRun.Root("ask").With("extra", Service("gateway"));
        var child = root.Child("answer").With("extra", Service("answers")).With("error", "no\nstack");
        var orphan = SampleRun.RootAt(SampleRun.Time, root.Id).Child("lost", 2, 7).Child("orphan", 3, 4);
        await AcceptAsync(root, child, orphan, SampleRun.Root("elsewhere", 99));
        await AcceptAsync(SampleRun.Root("ask").With("extra", Service("gateway")).With("inputs", new JsonObject()));

        var problems = Collector.Problems.Select(static problem => problem.Message).ToList();
        Assert.That(problems, Has.Count.EqualTo(2));
        AssertJson((await GetAsync($"/api/traces/{root.Id}")).Json,
            $$"""
            {"version":2,"id":"{{root.Id}}","name":"ask","project":"default","services":["gateway","answers","unknown"],"status":"error","start":"2026-11-22T08:00:00.000000Z","duration_ms":15,"errors":1,"pending":0,"problems":2,"thread_id":null,"changes":4,
             "runs":[
              {"id":"{{root.Id}}","parent_id":null,"name":"ask","run_type":"chain","service":"gateway","project":"default","status":"ok","start":"2026-11-22T08:00:00.000000Z","offset_us":0,"duration_us":10000,"depth":0,"is_hop":false,"is_orphan":false,"problems":1,"error":null},
              {"id":"{{child.Id}}","parent_id":"{{root.Id}}","name":"answer","run_type":"chain","service":"answers","project":"default","status":"error","start":"2026-11-22T08:00:00.001000Z","offset_us":1000,"duration_us":10000,"depth":1,"is_hop":true,"is_orphan":false,"problems":0,"error":"no"},
              {"id":"{{orphan.Id}}","parent_id":"{{orphan.Post["parent_run_id"]!.GetValue<Guid>()}}","name":"orphan","run_type":"chain","service":"unknown","project":"default","status":"ok","start":"2026-11-22T08:00:00.005000Z","offset_us":5000,"duration_us":10000,"depth":0,"is_hop":false,"is_orphan":true,"problems":1,"error":null}],
             "problem_list":[
              {"code":"run_duplicate","severity":"warning","message":"{{problems[0]}}","trace_id":"{{root.Id}}","run_id":"{{root.Id}}","run_name":"ask","count":1,"time":"TIME"},
              {"code":"parent_missing","severity":"warning","message":"{{problems[1]}}","trace_id":"{{root.Id}}","run_id":"{{orphan.Id}}","run_name":"orphan","count":1,"time":"TIME"}]}
            """);
        Assert.That((await GetAsync("/api/traces")).Json["traces"]!.AsArray().Single(item => (string?)item!["name"] == "ask")!["problems"]!.GetValue<int>(), Is.EqualTo(2), "the list says the same");
    }

    [Test]
    public async Task Run_Asked_HasThisShape()
    {
        var root = SampleRun.Root("ask").With("extra", Service("gateway"));
        var child = root.Child("answer", 3).With("extra", Service("answers", "t-1")).With("error", "no\nstack").With("tags", new JsonArray("a"))
            .With("events", new JsonArray(new JsonObject { ["name"] = "e" }));
        Assert.That(await MultipartAsync(Part.Post(root), Part.Post(child), new($"attachment.{child.Id}.note", "hi", "text/plain")), Is.EqualTo(Answer.Accepted));
        AssertJson((await GetAsync($"/api/runs/{child.Id}")).Json,
            $$"""
            {"id":"{{child.Id}}","parent_id":"{{root.Id}}","name":"answer","run_type":"chain","service":"answers","project":"default","status":"error","start":"2026-11-22T08:00:00.003000Z","offset_us":3000,"duration_us":10000,"depth":1,"is_hop":true,"is_orphan":false,"problems":0,
             "trace_id":"{{root.Id}}","dotted_order":"{{child.DottedOrder}}","end":"2026-11-22T08:00:00.013000Z","inputs":{"of":"answer"},"outputs":{"by":"answer"},"metadata":{"thread_id":"t-1"},"tags":["a"],"events":[{"name":"e"}],"error":"no\nstack",
             "extra":{"metadata":{"thread_id":"t-1"},"runtime":{"service":"answers"} },"attachments":[{"name":"note","content_type":"text/plain","length":2}],"problem_list":[]}
            """);
    }

    [Test]
    public async Task Run_OfWhichOnlyAnUpdateCame_HasItsProblems()
    {
        var root = SampleRun.Root();
        await AcceptAsync([], root.Patch());
        var json = (await GetAsync($"/api/runs/{root.Id}")).Json;
        Assert.That($"{json["problems"]} {json["problem_list"]![0]!["code"]} {json["inputs"]} {json["events"]} {json["metadata"]}", Is.EqualTo("1 create_missing  [] {}"));
    }

    [Test]
    public async Task Problems_Listed_AreRefusalsNewestFirstThenThoseOfTraces()
    {
        await AcceptAsync(SampleRun.Root().Open());
        await BatchAsync(SampleRun.Root().Without("trace_id"));
        await SendAsync(HttpMethod.Post, "/runs/batch", Json("no"));
        var json = (await GetAsync("/api/problems")).Json;
        Assert.That(json["total"]!.GetValue<int>(), Is.EqualTo(3));
        Assert.That(json["version"]!.GetValue<int>(), Is.EqualTo(3));
        Assert.That(json["problems"]!.AsArray().Select(static item => $"{item!["code"]} {item["severity"]} {item["run_name"]}"), Is.EqualTo(
            ["request_malformed error ", "trace_id_missing error root", "run_pending warning root"]));
        AssertJson(json["problems"]![2]!,
            $$"""{"code":"run_pending","severity":"warning","message":"'root' has not ended: no end_time has arrived.","trace_id":"{{SampleRun.Root().Id}}","run_id":"{{SampleRun.Root().Id}}","run_name":"root","count":1,"time":"TIME"}""");
    }

    [Test]
    public async Task Problems_OfRefusals_AreBounded()
    {
        for (var i = 0; i < 1010; i++)
            Collector.Store.Refuse(new Refusal("code", $"{i}"));
        var json = (await GetAsync("/api/problems")).Json;
        Assert.That((json["total"]!.GetValue<int>(), (string)json["problems"]![0]!["message"]!, json["problems"]!.AsArray().Count), Is.EqualTo((1000, "1009", 1000)));
    }

    [Test]
    public async Task Hostile_Strings_SurviveAsJson()
    {
        var root = SampleRun.Root(Hostile).With("error", Hostile).With("tags", new JsonArray(Hostile)).With("session_name", Hostile).With("run_type", Hostile)
            .With("inputs", new JsonObject { [Hostile] = Hostile }).With("outputs", new JsonObject { [Hostile] = Hostile })
            .With("extra", new JsonObject { ["metadata"] = new JsonObject { [Hostile] = Hostile, ["thread_id"] = Hostile }, ["runtime"] = new JsonObject { ["service"] = Hostile } });
        await AcceptAsync(root);
        var list = (await GetAsync("/api/traces")).Json;
        var trace = (await GetAsync($"/api/traces/{root.Id}")).Json;
        var run = (await GetAsync($"/api/runs/{root.Id}")).Json;
        using (Assert.EnterMultipleScope())
        {
            foreach (var value in (JsonNode?[])
            [
                list["projects"]![0], list["services"]![0], list["traces"]![0]!["name"], list["traces"]![0]!["thread_id"], trace["runs"]![0]!["error"], trace["runs"]![0]!["service"],
                run["name"], run["run_type"], run["error"], run["tags"]![0], run["inputs"]![Hostile], run["outputs"]![Hostile], run["metadata"]![Hostile], run["extra"]!["runtime"]!["service"],
            ])
                Assert.That((string?)value, Is.EqualTo(Hostile));
        }
    }

    [Test]
    public async Task Json_AnyOfIt_IsNeitherSniffedNorCached()
    {
        foreach (var path in (string[])["/api/traces", "/api/problems", "/info", $"/api/runs/{Guid.Empty}"])
        {
            using var response = await Client.GetAsync(path);
            Assert.That($"{response.Content.Headers.ContentType} {response.Headers.CacheControl} {string.Concat(response.Headers.GetValues("X-Content-Type-Options"))}", Is.EqualTo("application/json; charset=utf-8 no-store nosniff"));
        }
    }

    [TestCase("/api/traces/018bcfe5-687b-7000-8000-000000000001", "The trace is not held: it was never posted, went because of the bounds, or was cleared.")]
    [TestCase("/api/runs/018bcfe5-687b-7000-8000-000000000001", "The run is not held: it was never posted, went because of the bounds, or was cleared.")]
    [TestCase("/api/traces/x", "'x' is no id of a trace: give a UUID.")]
    [TestCase("/api/runs/x", "'x' is no id of a run: give a UUID.")]
    public async Task Unknown_Ids_Are404InWords(string path, string error) =>
        Assert.That(await GetAsync(path), Is.EqualTo(Answer.Refused(404, error)));

    [Test]
    public async Task Delete_ForgetsEverything()
    {
        await AcceptAsync(SampleRun.Root());
        Assert.That(await SendAsync(HttpMethod.Delete, "/api/traces"), Is.EqualTo(new Answer(204, "")));
        Assert.That((await GetAsync("/api/traces")).Json["total"]!.GetValue<int>(), Is.Zero);
        Assert.That(Collector.Traces, Is.Empty);
    }

    [Test]
    public async Task Events_TellOfAChange()
    {
        using var response = await Client.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.That(response.Content.Headers.ContentType!.ToString(), Is.EqualTo("text/event-stream"));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.That(await reader.ReadLineAsync(), Is.EqualTo("""data: {"version":0}"""));
        Assert.That(await reader.ReadLineAsync(), Is.Empty);
        var next = reader.ReadLineAsync();
        await AcceptAsync(SampleRun.Root());
        Assert.That(await next, Is.EqualTo("""data: {"version":1}"""));
    }

    [Test]
    public async Task Events_OfAServerThatStops_End()
    {
        using var response = await Client.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();
        var rest = reader.ReadToEndAsync();
        // Half of what a host waits for requests.
        await Collector.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(15));
        Assert.That(await rest, Is.EqualTo("\n"));
    }

    [TestCase("evil.test", 403)]
    [TestCase("evil.test:80", 403)]
    [TestCase("127.0.0.1.evil.test", 403)]
    [TestCase("localhost.evil.test", 403)]
    [TestCase("192.168.0.1", 403)]
    [TestCase("localhost", 200)]
    [TestCase("LOCALHOST:1234", 200)]
    [TestCase("127.0.0.1", 200)]
    [TestCase("127.1.2.3", 200)]
    [TestCase("[::1]", 200)]
    [TestCase("[::1]:1984", 200)]
    public async Task Guard_OfAHost_RefusesNamesOfOthers(string host, int status)
    {
        foreach (var path in (string[])["/api/traces", "/info", "/", "/app.js", "/api/events"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Host = host;
            using var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.That((int)response.StatusCode, Is.EqualTo(status), path);
            if (status == 403)
            {
                Assert.That((string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"],
                    Is.EqualTo($"The request is for '{host}' but comes from this machine. Use 127.0.0.1 or localhost."));
            }
        }
    }

    [TestCase("https://evil.test", 403)]
    [TestCase("null", 403)]
    [TestCase("http://127.0.0.1:1", 403)]
    [TestCase("http://localhost", 403)]
    [TestCase("own", 202)]
    public async Task Guard_OfAnOrigin_RefusesPagesOfOthers(string origin, int status)
    {
        var root = SampleRun.Root();
        if (origin == "own")
            origin = Collector.Endpoint.GetLeftPart(UriPartial.Authority);
        var post = await SendAsync(HttpMethod.Post, "/runs/batch", Json(BatchJson([root.Post])), ("Origin", origin));
        var delete = await SendAsync(HttpMethod.Delete, "/api/traces", null, ("Origin", origin));
        var get = await GetAsync("/api/traces", ("Origin", origin));
        Assert.That((post.Status, delete.Status, get.Status), Is.EqualTo(status == 403 ? (403, 403, 403) : (202, 204, 200)));
        if (status == 403)
            Assert.That((string?)post.Json["error"], Is.EqualTo("The request comes from a page of another site. Open the collector's own page."));
        // Whoever wonders where the runs are finds it.
        Assert.That(ProblemCodes(), Is.EqualTo(status == 403 ? new[] { "request_refused" } : []));
    }

    [Test]
    public async Task Page_IsServedUnderAStrictPolicy()
    {
        foreach (var (path, type) in (IEnumerable<(string, string)>)[("/", "text/html; charset=utf-8"), ("/app.js", "text/javascript; charset=utf-8"), ("/style.css", "text/css; charset=utf-8")])
        {
            using var response = await Client.GetAsync(path);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
                Assert.That(response.Content.Headers.ContentType!.ToString(), Is.EqualTo(type));
                Assert.That(response.Content.Headers.ContentLength, Is.EqualTo((await response.Content.ReadAsByteArrayAsync()).Length));
                Assert.That(response.Headers.GetValues("Content-Security-Policy").Single(), Is.EqualTo(
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
                Assert.That(response.Headers.GetValues("X-Content-Type-Options").Single(), Is.EqualTo("nosniff"));
                Assert.That(response.Headers.GetValues("Referrer-Policy").Single(), Is.EqualTo("no-referrer"));
            }
        }
    }

    [Test]
    public async Task Map_UnderAPrefix_ServesEverythingThere()
    {
        await using var app = await AppAsync(static app => app.MapGroup("/lang smith").MapLangSmithCollector());
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.Single()) };
        var root = SampleRun.Root();
        using (var posted = await client.PostAsync("/lang%20smith/runs/batch", Json(BatchJson([root.Post]))))
            Assert.That(posted.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        app.Services.GetRequiredService<LangSmithCollector>().AssertOneTrace();
        Assert.That(await client.GetStringAsync($"/lang%20smith/api/traces/{root.Id}"), Does.Contain("\"root\""));
        using (var script = await client.GetAsync("/lang%20smith/app.js"))
            Assert.That(script.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        using (var bare = await client.GetAsync("/lang%20smith?q=a%20b"))
            Assert.That((bare.StatusCode, bare.Headers.Location?.OriginalString), Is.EqualTo((HttpStatusCode.Redirect, "/lang%20smith/?q=a%20b")));
        using (var page = await client.GetAsync("/lang%20smith/"))
            Assert.That(page.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/html"));
        using var outside = await client.GetAsync("/api/traces");
        Assert.That(outside.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Map_WithAuthorization_LetsNobodyElseIn()
    {
        await using var app = await AppAsync(
            static app =>
            {
                app.UseAuthentication();
                app.UseAuthorization();
                app.MapLangSmithCollector().RequireAuthorization();
            },
            static services =>
            {
                services.AddAuthentication("test").AddScheme<AuthenticationSchemeOptions, KeyHandler>("test", null);
                services.AddAuthorization();
            });
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.Single()) };
        foreach (var path in (string[])["/", "/app.js", "/info", "/api/traces", "/api/problems", "/api/events"])
        {
            using var response = await client.GetAsync(path);
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), path);
        }

        using (var post = await client.PostAsync("/runs/batch", Json(BatchJson([SampleRun.Root().Post]))))
            Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        client.DefaultRequestHeaders.Add("x-api-key", "secret");
        using (var post = await client.PostAsync("/runs/batch", Json(BatchJson([SampleRun.Root().Post]))))
            Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        Assert.That(await client.GetStringAsync("/api/traces"), Does.Contain("\"root\""));
    }

    [Test]
    public async Task Map_OfAGivenCollector_WritesIntoThat()
    {
        var mine = new LangSmithCollector();
        await using var app = await AppAsync(app => app.MapLangSmithCollector(mine));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.Single()) };
        using var posted = await client.PostAsync("/runs/batch", Json(BatchJson([SampleRun.Root().Post])));
        mine.AssertOneTrace();
    }

    private static async Task<WebApplication> AppAsync(Action<WebApplication> map, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<LangSmithCollector>(static _ => new LangSmithCollector());
        services?.Invoke(builder.Services);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return app;
    }

    private async Task AssertTracesAsync(string query, string expected, int? total = null)
    {
        var json = (await GetAsync("/api/traces" + query)).Json;
        var names = json["traces"]!.AsArray().Select(static trace => (string)trace!["name"]!).ToList();
        Assert.That(string.Join(' ', names), Is.EqualTo(expected), query);
        Assert.That(json["total"]!.GetValue<int>(), Is.EqualTo(total ?? names.Count), query);
        Assert.That(json["projects"]!.ToJsonString(), Is.EqualTo("""["default","other"]"""), "to choose from, whatever the filter");
    }

    // Times of arrival are the clock's.
    private static void AssertJson(JsonNode actual, string expected)
    {
        foreach (var problem in (actual["problem_list"] as JsonArray)?.OfType<JsonObject>() ?? (actual is JsonObject { } one && one.ContainsKey("code") ? [one] : []))
        {
            Assert.That((string)problem["time"]!, Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
            problem["time"] = "TIME";
        }

        Assert.That(actual.ToJsonString(), Is.EqualTo(JsonNode.Parse(expected)!.ToJsonString()));
    }

    private sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers["x-api-key"] == "secret"
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity("test")), "test"))
            : AuthenticateResult.NoResult());
    }
}
