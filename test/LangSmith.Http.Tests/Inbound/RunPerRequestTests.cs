using System.Net;
using LangSmith.Http.Tests.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary><see cref="LangSmithInboundOptions.StartRunPerRequest"/>.</summary>
public sealed class RunPerRequestTests : NextService
{
    private static readonly Guid CallerId = Guid.Parse(Recording.RemoteRunId);

    [TestCase("GET", "/answers/weather?units=c", "GET /answers/{topic}", 200)]
    [TestCase("POST", "/answers/weather", "POST /answers/{topic}", 200)]
    [TestCase("GET", "/group/one/7", "GET /group/{name}/{id:int}", 200)]
    [TestCase("GET", "/mvc/answers/weather", "GET /mvc/answers/{topic}", 200)]
    [TestCase("GET", "/", "GET /", 200)]
    [TestCase("GET", "/nowhere/SECRET", "GET (no route)", 404)]
    [TestCase("DELETE", "/answers/weather", "DELETE (no route)", 405)]
    [TestCase("GET", "/teapot", "GET /teapot", 418)]
    [TestCase("get-me-a-name", "/any", "_OTHER /any", 200)]
    [TestCase("GET", "/pages", "GET /pages/Conventional/Index/{id?}", 200)]
    [TestCase("GET", "/pages/Conventional/About/7", "GET /pages/Conventional/About/{id?}", 200)]
    public async Task Request_Answered_RunIsNamedByTheRouteAndHasTheStatusCode(string method, string path, string name, int statusCode)
    {
        await using var server = await StartAsync(static app =>
        {
            app.MapGet("/", static () => "");
            app.MapMethods("/answers/{topic}", ["GET", "POST"], static (string topic) => topic);
            app.MapGroup("/group").MapGet("{name}/{id:int}", static (string name, int id) => $"{name} {id}");
            app.MapGet("/teapot", static () => Results.StatusCode(418));
            app.Map("/any", static () => "");
            app.MapControllers();
            app.MapControllerRoute("pages", "pages/{controller=Conventional}/{action=Index}/{id?}");
        });

        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await server.Client.SendAsync(request);

        Assert.That((int)response.StatusCode, Is.EqualTo(statusCode));
        var run = server.Recorder.Runs[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Name, Is.EqualTo(name));
            Assert.That(run.Outputs.Text(), Is.EqualTo($$"""{"status_code":{{statusCode}}}"""));
            Assert.That(run.Inputs, Is.Null);
            Assert.That(run.Error, Is.Null);
            Assert.That(run.EndTime, Is.Not.Null);
            Assert.That(run.ParentRunId, Is.Null);
            Assert.That(run.Project, Is.EqualTo("server"));
        }
    }

    [Test]
    public async Task Request_Throws_RunHasTheExceptionAndItGoesOnUntouched()
    {
        var thrown = new InvalidOperationException("no answer");
        Exception? caught = null;
        string? stack = null;
        await using var server = await StartAsync(
            app => app.MapGet("/answer", void () => Throw(thrown)),
            build: app =>
            {
                app.Use(async (context, next) =>
                {
                    try
                    {
                        await next(context);
                    }
                    catch (Exception exception)
                    {
                        caught = exception;
                        stack = exception.StackTrace;
                        throw;
                    }
                });
                app.UseLangSmithTracing();
            });

        using var response = await server.Client.GetAsync("/answer");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(caught, Is.SameAs(thrown));
        Assert.That(stack, Does.Contain(nameof(Throw)));
        var run = server.Recorder.Runs.Single();
        Assert.That(run.Error, Does.StartWith("System.InvalidOperationException: no answer\n\n").And.Contain(nameof(Throw)));
        Assert.That(run.Outputs.Text(), Is.EqualTo("""{"status_code":500}"""));

        static void Throw(Exception exception) => throw exception;
    }

    [Test]
    public async Task Request_TooLarge_RunHasTheStatusCodeOfTheBadRequest()
    {
        await using var server = await StartAsync(static app => app.MapPost("/answer", static async (HttpContext context) =>
        {
            context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = 1;
            await context.Request.Body.CopyToAsync(Stream.Null);
        }));

        using var content = new StringContent("too large");
        using var response = await server.Client.PostAsync("/answer", content);

        Assert.That((int)response.StatusCode, Is.EqualTo(413));
        var run = server.Recorder.Runs.Single();
        Assert.That(run.Outputs.Text(), Is.EqualTo("""{"status_code":413}"""));
        Assert.That(run.Error, Does.Contain("BadHttpRequestException"));
    }

    [Test]
    public async Task Request_ThrowsHavingBegunToAnswer_RunHasTheStatusCodeThatWasSent()
    {
        var ended = new TaskCompletionSource();
        await using var server = await StartAsync(
            static app => app.MapGet("/answer", static async (HttpContext context) =>
            {
                context.Response.StatusCode = 202;
                await context.Response.StartAsync();
                throw new InvalidOperationException("too late");
            }),
            build: app => UseSignal(app, ended));

        Assert.That(async () => await server.Client.GetAsync("/answer"), Throws.InstanceOf<HttpRequestException>());

        await ended.Task;
        var run = server.Recorder.Runs.Single();
        Assert.That(run.Outputs.Text(), Is.EqualTo("""{"status_code":202}"""));
        Assert.That(run.Error, Does.StartWith("System.InvalidOperationException: too late"));
    }

    [Test]
    public async Task Request_ThrowsInsideAnExceptionHandler_RunHasTheExceptionAndTheStatusCode([Values] bool isPath)
    {
        await using var server = await StartAsync(
            static app =>
            {
                app.MapGet("/answer", static void () => throw new InvalidOperationException("no answer"));
                app.MapGet("/error", static () => "sorry");
            },
            build: app =>
            {
                app.UseLangSmithTracing();
                if (isPath)
                    app.UseExceptionHandler("/error");
                else
                    app.UseExceptionHandler(static errors => errors.Run(static context => context.Response.WriteAsync("sorry")));
            });

        using var response = await server.Client.GetAsync("/answer");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("sorry"));
        var run = server.Recorder.Runs.Single();
        Assert.That(run.Name, Is.EqualTo("GET /answer"));
        Assert.That(run.Error, Does.StartWith("System.InvalidOperationException: no answer"));
        Assert.That(run.Outputs.Text(), Is.EqualTo("""{"status_code":500}"""));
    }

    [Test]
    public async Task Request_SampledOut_StaysSoWhereAnErrorHandlerRunsThePipelineAgain()
    {
        var recorder = new SecondRootRecorder();
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                app.MapGet("/answer", static void () => throw new InvalidOperationException("no answer"));
                app.MapGet("/error", static (LangSmithTracer tracer) => tracer.Run("apologise", static _ => "sorry"));
            },
            static options =>
            {
                options.Trust.FromAnyone();
                options.StartRunPerRequest = true;
            },
            services => services.AddSingleton<IRunRecorder>(recorder),
            static app =>
            {
                app.UseExceptionHandler("/error");
                app.UseLangSmithTracing();
            },
            records: false);

        using var first = await server.Client.GetAsync("/answer");
        Assert.That(await first.Content.ReadAsStringAsync(), Is.EqualTo("sorry"));
        Assert.That(recorder.Names, Is.Empty);
        using var second = await server.Client.GetAsync("/answer");
        Assert.That(recorder.Names, Is.EqualTo(["GET /answer", "apologise"]));
        Assert.That(recorder.Asked, Is.EqualTo(2), "once a request");
    }

    [Test]
    public async Task Request_ClientGoesAway_RunEndsWithTheCancellation()
    {
        var began = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        await using var server = await StartAsync(
            app => app.MapGet("/answer", (HttpContext context) =>
            {
                began.SetResult();
                return Task.Delay(Timeout.Infinite, context.RequestAborted);
            }),
            build: app => UseSignal(app, ended));

        using var leaving = new CancellationTokenSource();
        var answer = server.Client.GetAsync("/answer", leaving.Token);
        await began.Task;
        await leaving.CancelAsync();
        Assert.That(async () => await answer, Throws.InstanceOf<OperationCanceledException>());

        await ended.Task;
        var run = server.Recorder.Runs.Single();
        Assert.That(run.Error, Does.StartWith("System.Threading.Tasks.TaskCanceledException"));
        Assert.That(run.Outputs.Text(), Is.EqualTo("""{"status_code":499}"""));
    }

    [TestCase("/continue", "caller", true)]
    [TestCase("/link", "server", false)]
    [TestCase("/ignore", null, false)]
    public async Task Request_OfATrustedCaller_RunIsWhatTheEndpointSays(string path, string? project, bool isChild)
    {
        await using var server = await StartAsync(static app =>
        {
            app.MapGet("/continue", static () => "");
            app.MapGet("/link", static () => "").WithLangSmithTracing(InboundTracing.Link);
            app.MapGet("/ignore", static () => "").WithLangSmithTracing(InboundTracing.Ignore);
        });

        using var response = await server.Client.GetAsCallerAsync(path, "langsmith-tags=a,langsmith-project=caller");

        if (project is null)
        {
            Assert.That(server.Recorder.Runs, Is.Empty);
            return;
        }

        var run = server.Recorder.Runs.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ParentRunId, isChild ? Is.EqualTo(CallerId) : Is.Null);
            Assert.That(run.Project, Is.EqualTo(project));
            Assert.That(run.Tags, Is.EqualTo(isChild ? new[] { "a" } : []));
            Assert.That(run.Metadata.ContainsKey("linked_run_id"), Is.EqualTo(!isChild));
        }
    }

    [Test]
    public async Task Request_OfACallerNobodyTrusts_RunIsARoot()
    {
        await using var server = await TracedServer.StartAsync(static app => app.MapGet("/answer", static () => ""), static options =>
        {
            options.Trust.Nobody();
            options.StartRunPerRequest = true;
        });

        using var response = await server.Client.GetAsCallerAsync("/answer");

        var run = server.Recorder.Runs.Single();
        Assert.That(run.ParentRunId, Is.Null);
        Assert.That(run.Project, Is.EqualTo("server"));
        Assert.That(run.Metadata, Is.Empty);
    }

    [Test]
    public async Task Request_Unasked_HasNoRun()
    {
        await using var server = await TracedServer.StartAsync(static app => app.MapGet("/answer", static () => ""));

        using var withCaller = await server.Client.GetAsCallerAsync("/answer");
        using var without = await server.Client.GetAsync("/answer");

        Assert.That(server.Recorder.Runs, Is.Empty);
    }

    [Test]
    public async Task Request_WithARun_AnswersTheSameBytes()
    {
        var answers = new List<string>();
        foreach (var startsRun in (bool[])[false, true])
        {
            await using var server = await TracedServer.StartAsync(
                static app => app.MapGet("/answer", static (HttpContext context) =>
                {
                    // The date is the one header that may differ between two answers.
                    context.Response.Headers.Date = "Tue, 14 Nov 2023 22:13:20 GMT";
                    context.Response.Headers["X-Answer"] = "42";
                    return Results.Json(new { answer = 42 }, statusCode: 201);
                }),
                options =>
                {
                    options.Trust.FromAnyone();
                    options.StartRunPerRequest = startsRun;
                });
            answers.Add(await RawAsync(server.Origin, $"GET /answer HTTP/1.1\r\nHost: a\r\nConnection: close\r\nlangsmith-trace: {Recording.RemoteDottedOrder}\r\n\r\n"));
            Assert.That(server.Recorder.Runs, Has.Count.EqualTo(startsRun ? 1 : 0));
        }

        Assert.That(answers[0], Does.StartWith("HTTP/1.1 201").And.Contain("X-Answer: 42").And.Contain("{\"answer\":42}"));
        Assert.That(answers[1], Is.EqualTo(answers[0]));
    }

    [Test]
    public async Task Requests_AtOnce_EachRunIsItsCallersChildAndTheParentOfItsCalls()
    {
        const int Count = 100;
        var arrived = 0;
        var all = new TaskCompletionSource();
        await using var server = await StartAsync(app => app.MapGet("/answers/{topic}", async (HttpContext context, LangSmithTracer tracer, string topic) =>
        {
            // All are in here before any goes on.
            if (Interlocked.Increment(ref arrived) == Count)
                all.SetResult();
            await all.Task;
            await CallNextAsync(context, "at-once " + topic);
            await tracer.RunAsync(topic, _ => CallNextAsync(context, "at-once " + topic));
        }));

        await Task.WhenAll(Enumerable.Range(0, Count).Select(async i =>
        {
            using var response = await server.Client.GetAsCallerAsync($"/answers/{i}", $"langsmith-project=p{i}", CallerOf(i));
            response.EnsureSuccessStatusCode();
        }));

        var runs = server.Recorder.Runs;
        Assert.That(runs, Has.Count.EqualTo(2 * Count));
        for (var i = 0; i < Count; i++)
        {
            var request = runs.Single(run => run.Project == $"p{i}" && run.Name == "GET /answers/{topic}");
            var inside = server.Recorder.Single($"{i}");
            Assert.That(request.DottedOrder, Does.StartWith(CallerOf(i) + "."));
            Assert.That(inside.ParentRunId, Is.EqualTo(request.Id));
            Assert.That(Received($"at-once {i}"), Is.EqualTo(new[] { $"{request.DottedOrder} langsmith-project=p{i}", $"{inside.DottedOrder} langsmith-project=p{i}" }));
        }

        static string CallerOf(int i) => $"20231114T221320123456Z018bcfe5-687b-7000-8000-{i:x12}";
    }

    private static Task<TracedServer> StartAsync(Action<WebApplication> map, Action<WebApplication>? build = null) => TracedServer.StartAsync(
        map,
        static options =>
        {
            options.Trust.FromAnyone();
            options.StartRunPerRequest = true;
        },
        static services =>
        {
            AddNext(services);
            services.AddControllers().AddApplicationPart(typeof(TracedController).Assembly);
        },
        build);

    // A client that got no answer cannot know when the server is done.
    private static void UseSignal(WebApplication app, TaskCompletionSource ended)
    {
        app.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            finally
            {
                ended.SetResult();
            }
        });
        app.UseLangSmithTracing();
    }

    private static async Task<string> RawAsync(Uri origin, string request)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, origin.Port);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync();
    }

    private sealed class SecondRootRecorder : IRunRecorder
    {
        private readonly List<Guid> _traces = [];

        public int Asked => _traces.Count;

        public List<string> Names { get; } = [];

        public bool ShouldRecord(Guid traceId)
        {
            if (!_traces.Contains(traceId))
                _traces.Add(traceId);
            return _traces.IndexOf(traceId) % 2 == 1;
        }

        public void OnStart(RunSnapshot run) => Names.Add(run.Name);

        public void OnEnd(RunSnapshot run)
        {
        }
    }
}
