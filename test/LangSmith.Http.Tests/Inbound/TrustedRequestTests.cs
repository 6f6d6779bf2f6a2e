using System.Runtime.CompilerServices;
using System.Text.Json;
using LangSmith.Http.Tests.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests;

/// <summary>What a trusted caller's run does in a request, and to the service behind.</summary>
public sealed class TrustedRequestTests : NextService
{
    private const string Caller = Recording.RemoteDottedOrder;
    private const string CallersBaggage = "langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%7D,langsmith-tags=a%2Cb,langsmith-project=caller";
    private const string Address = "lrn:agents/a1/environments/production";
    private const string EncodedAddress = "lrn%3Aagents%2Fa1%2Fenvironments%2Fproduction";

    private static readonly Guid CallerId = Guid.Parse(Recording.RemoteRunId);

    [Test]
    public async Task Request_AnswersOverTime_CallersRunIsCurrentToTheEnd()
    {
        using var wanted = new SemaphoreSlim(0);
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/words", async (HttpContext context, LangSmithTracer tracer) =>
            {
                for (var i = 0; i < 3; i++)
                {
                    await wanted.WaitAsync(context.RequestAborted);
                    await CallNextAsync(context, "words");
                    await tracer.RunAsync($"word {i}", _ => context.Response.WriteAsync($"word {i}\n"));
                    await context.Response.Body.FlushAsync();
                }
            }),
            services: AddNext);

        wanted.Release();
        using var response = await server.Client.GetAsCallerAsync("/words", CallersBaggage, completion: HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            Assert.That(await reader.ReadLineAsync(), Is.EqualTo($"word {i}"));
            wanted.Release();
        }

        Assert.That(await reader.ReadToEndAsync(), Is.Empty);
        Assert.That(Received("words"), Is.EqualTo(Enumerable.Repeat($"{Caller} {CallersBaggage}", 3)));
        Assert.That(server.Recorder.Runs.Select(static run => (run.Name, run.ParentRunId)), Is.EqualTo(new (string, Guid?)[] { ("word 0", CallerId), ("word 1", CallerId), ("word 2", CallerId) }));
    }

    [TestCase("/steps")]
    [TestCase("/mvc/steps")]
    public async Task Request_AnswersWithAnAsyncEnumerable_CallersRunIsCurrentInEveryStep(string path)
    {
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                app.MapGet("/steps", static (LangSmithTracer tracer, IHttpClientFactory clients, Uri next) => StepsAsync(tracer, clients, next));
                app.MapControllers();
            },
            services: static services =>
            {
                AddNext(services);
                services.AddControllers().AddApplicationPart(typeof(TracedController).Assembly);
            });

        using var response = await server.Client.GetAsCallerAsync($"{path}?next={Uri.EscapeDataString($"{Next.Origin}?case={path}")}");

        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("[\"step 0\",\"step 1\",\"step 2\"]"));
        var runs = server.Recorder.Runs;
        Assert.That(runs.Select(static run => (run.Name, run.ParentRunId)), Is.EqualTo(new (string, Guid?)[] { ("step 0", CallerId), ("step 1", CallerId), ("step 2", CallerId) }));
        // Each step calls as its own run, then as the caller's.
        Assert.That(Received(path), Is.EqualTo(runs.SelectMany(static run => (string[])[$"{run.DottedOrder} langsmith-project=caller", $"{Caller} langsmith-project=caller"])));
    }

    // What is sent, AcceptProject, AllowedProjects; where the run goes, and whether the service behind is told so without it.
    [TestCase("langsmith-project=caller", true, null, "langsmith-project=caller", true)]
    [TestCase("langsmith-project=caller", true, "other|caller", "langsmith-project=caller", true)]
    [TestCase("langsmith-project=caller", true, "other|Caller", "langsmith-project=server", false)]
    [TestCase("langsmith-project=caller", true, "", "langsmith-project=server", false)]
    [TestCase("langsmith-project=caller", false, null, "langsmith-project=server", false)]
    [TestCase("langsmith-project=my%20project", true, "my project", "langsmith-project=my%20project", true)]
    [TestCase("langsmith-address=" + EncodedAddress, true, null, "langsmith-address=" + EncodedAddress, true)]
    [TestCase("langsmith-address=" + EncodedAddress, true, Address, "langsmith-address=" + EncodedAddress, true)]
    [TestCase("langsmith-address=lrn:agents/a1/environments/Production", true, Address, "langsmith-address=" + EncodedAddress, true)]
    [TestCase("langsmith-address=" + EncodedAddress, true, "lrn:agents/a1/environments/staging", "langsmith-project=server", false)]
    [TestCase("langsmith-address=" + EncodedAddress, false, null, "langsmith-project=server", false)]
    [TestCase("langsmith-tags=", true, "other", "langsmith-project=server", null)]
    [TestCase("langsmith-tags=", false, null, "langsmith-project=server", null)]
    public async Task Request_NamesADestination_IsTakenOverWhereItIsAccepted(string sent, bool accept, string? allowed, string destination, bool? isAccepted)
    {
        const string Metadata = "langsmith-metadata=%7B%22user%22%3A1%7D";
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer, string id) =>
            {
                await CallNextAsync(context, id);
                await tracer.RunAsync("answer", _ => CallNextAsync(context, id));
            }),
            options =>
            {
                options.Trust.FromAnyone();
                options.AcceptProject = accept;
                options.AllowedProjects = allowed?.Split('|');
            },
            AddNext);
        var id = TestContext.CurrentContext.Test.ID;
        using var counts = new Counts();

        using var response = await server.Client.GetAsCallerAsync("/answer?id=" + id, $"{Metadata},{sent}");

        var run = server.Recorder.Single("answer");
        Assert.That(run.ParentRunId, Is.EqualTo(CallerId), "a child, wherever it goes");
        Assert.That(run.Project is { } project ? $"langsmith-project={Uri.EscapeDataString(project)}" : $"langsmith-address={Uri.EscapeDataString(run.Address!)}", Is.EqualTo(destination));
        Assert.That(Received(id), Is.EqualTo(new[]
        {
            $"{Caller} {Metadata}{(isAccepted == true ? "," + destination : "")}",
            $"{run.DottedOrder} {Metadata},{destination}",
        }));
        Assert.That(counts["langsmith.http.inbound:project_refused"], Is.EqualTo(isAccepted == false ? 1 : 0));
    }

    [Test]
    public void UseLangSmithTracing_AllowedProjectsThoughNoneIsAccepted_DoesNotStart() => Assert.That(
        static () => TracedServer.StartAsync(static _ => { }, static options =>
        {
            options.Trust.FromAnyone();
            options.AcceptProject = false;
            options.AllowedProjects = ["caller"];
        }),
        Throws.TypeOf<OptionsValidationException>().With.Message.Contains("AllowedProjects").And.Message.Contains("AcceptProject"));

    [Test]
    public async Task Request_CallerDoesNotRecord_IsHonouredFromATrustedOneOnly(
        [Values] bool isTrusted, [Values(InboundTracing.Continue, InboundTracing.Link)] InboundTracing tracing, [Values] bool startsRun)
    {
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer, string id) =>
            {
                await CallNextAsync(context, id);
                await tracer.RunAsync("answer", _ => CallNextAsync(context, id));
            }).WithLangSmithTracing(tracing),
            options =>
            {
                options.Trust.When(_ => ValueTask.FromResult(isTrusted));
                options.StartRunPerRequest = startsRun;
            },
            AddNext);
        var id = TestContext.CurrentContext.Test.ID;

        using var response = await server.Client.GetAsCallerAsync("/answer?id=" + id, "langsmith-sampled=0", trace: null);

        var runs = server.Recorder.Runs;
        if (isTrusted && tracing == InboundTracing.Continue)
        {
            Assert.That(runs, Is.Empty);
            Assert.That(Received(id), Is.EqualTo(new[] { "langsmith-sampled=0", "langsmith-sampled=0" }));
            return;
        }

        Assert.That(runs.Select(static run => run.Name), Is.EqualTo(startsRun ? new[] { "GET /answer", "answer" } : ["answer"]));
        Assert.That(runs[0].ParentRunId, Is.Null, "the trace is the server's own");
        Assert.That(runs[0].Metadata, Is.Empty);
        Assert.That(Received(id), Is.EqualTo(new[]
        {
            startsRun ? $"{runs[0].DottedOrder} langsmith-project=server" : "",
            $"{runs[^1].DottedOrder} langsmith-project=server",
        }));
    }

    [Test]
    public async Task Request_OfAnEndpointThatLinks_EveryRootNamesTheCallersRun()
    {
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer) =>
            {
                await CallNextAsync(context, "links");
                await tracer.RunAsync("first", _ => tracer.RunAsync("child", _ => CallNextAsync(context, "links")));
                tracer.Run("second", static _ => { });
                await Task.Run(() => tracer.Run("third", static _ => { }, options: new RunOptions { Parent = RunParent.None }));
            }).WithLangSmithTracing(InboundTracing.Link),
            services: AddNext);

        using var response = await server.Client.GetAsCallerAsync("/answer", CallersBaggage);

        var runs = server.Recorder.Runs;
        Assert.That(runs.Select(static run => (run.Name, IsRoot: run.ParentRunId is null, run.Project)), Is.EqualTo(new[]
        {
            ("first", true, "server"), ("child", false, "server"), ("second", true, "server"), ("third", true, "server"),
        }));
        Assert.That(runs.Select(static run => JsonSerializer.Serialize(run.Metadata)), Has.All.EqualTo($$"""{"linked_trace_id":"{{Recording.RemoteTraceId}}","linked_run_id":"{{Recording.RemoteRunId}}"}"""));
        Assert.That(runs.Select(static run => run.Tags), Has.All.Empty);
        Assert.That(Received("links"), Has.Length.EqualTo(2).And.ItemAt(0).Empty.And.ItemAt(1).StartsWith(runs[1].DottedOrder));
    }

    [TestCase("langsmith-replicas=%5B%7B%22api_url%22%3A%22https%3A%2F%2Fevil.test%22%2C%22api_key%22%3A%22EVIL%22%2C%22project_name%22%3A%22evil%22%7D%5D")]
    [TestCase("langsmith-replicas=%5B%5B%22evil%22%2C%7B%22reference_example_id%22%3A%22evil%22%7D%5D%5D")]
    [TestCase("langsmith-api-url=https%3A%2F%2Fevil.test,langsmith-api_url=https%3A%2F%2Fevil.test,langsmith-endpoint=https%3A%2F%2Fevil.test")]
    [TestCase("langsmith-api-key=EVIL,langsmith-api_key=EVIL,langsmith-workspace-id=evil")]
    [TestCase("langsmith-attachments=%7B%22evil%22%3A%22%2Fetc%2Fpasswd%22%7D,langsmith-inputs=%7B%22evil%22%3A1%7D,langsmith-outputs=%7B%22evil%22%3A1%7D,langsmith-tracing=evil,langsmith-enabled=evil")]
    public async Task Request_SaysMoreThanARun_NothingOfItIsRead(string members)
    {
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer, string id) =>
            {
                await CallNextAsync(context, id);
                await tracer.RunAsync("answer", _ => CallNextAsync(context, id));
                return string.Join('\n', context.Request.Headers.Select(static header => $"{header.Key}: {header.Value}"));
            }),
            services: AddNext);
        var id = TestContext.CurrentContext.Test.ID;

        using var response = await server.Client.GetAsCallerAsync("/answer?id=" + id, $"{members},{CallersBaggage}");

        var run = server.Recorder.Single("answer");
        var all = JsonSerializer.Serialize(run);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Project, Is.EqualTo("caller"));
            Assert.That(all, Does.Not.Contain("evil").IgnoreCase);
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Not.Contain("langsmith").IgnoreCase);
            Assert.That(Received(id), Is.EqualTo(new[] { $"{Caller} {CallersBaggage}", $"{run.DottedOrder} {CallersBaggage}" }));
        }
    }

    [Test]
    public async Task Request_LangSmithIsOff_NothingComesInAndNothingGoesOut([Values] bool startsRun)
    {
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer) =>
            {
                await CallNextAsync(context, $"off {startsRun}");
                await tracer.RunAsync("answer", _ => CallNextAsync(context, $"off {startsRun}"));
                return $"{context.Request.Headers["langsmith-trace"]}{context.Request.Headers["baggage"]}";
            }),
            options =>
            {
                options.Trust.FromAnyone();
                options.StartRunPerRequest = startsRun;
            },
            static services =>
            {
                AddNext(services);
                services.PostConfigure<LangSmithOptions>(static options => options.Enabled = false);
            });
        using var counts = new Counts();

        using var response = await server.Client.GetAsCallerAsync("/answer", CallersBaggage);

        Assert.That(await response.Content.ReadAsStringAsync(), Is.Empty, "the headers are taken away all the same");
        Assert.That(server.Recorder.Runs, Is.Empty);
        Assert.That(Received($"off {startsRun}"), Is.EqualTo(new[] { "", "" }));
        Assert.That(counts["langsmith.http.inbound:off"], Is.EqualTo(1));
    }

    [Test]
    public async Task Request_NobodyRecords_CallersRunIsPassedThroughUnchanged([Values] bool hasRecorder, [Values] bool startsRun)
    {
        var id = $"through {hasRecorder} {startsRun}";
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/answer", async (HttpContext context, LangSmithTracer tracer) =>
            {
                await CallNextAsync(context, id);
                await tracer.RunAsync("answer", run =>
                {
                    run.AddMetadata("own", 1);
                    return CallNextAsync(context, id);
                });
            }),
            options =>
            {
                options.Trust.FromAnyone();
                options.StartRunPerRequest = startsRun;
            },
            services =>
            {
                AddNext(services);
                services.PostConfigure<LangSmithOptions>(options => options.Tracing = !hasRecorder);
            },
            records: hasRecorder);

        using var response = await server.Client.GetAsCallerAsync("/answer", CallersBaggage);

        Assert.That(server.Recorder.Runs, Is.Empty);
        Assert.That(Received(id), Is.EqualTo(new[] { $"{Caller} {CallersBaggage}", $"{Caller} {CallersBaggage}" }));
    }

    /// <summary>A stream whose every step is a run that calls the next service, and a call beside it.</summary>
    internal static async IAsyncEnumerable<string> StepsAsync(
        LangSmithTracer tracer, IHttpClientFactory clients, Uri next, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var client = clients.CreateClient("next");
        for (var i = 0; i < 3; i++)
        {
            await Task.Yield();
            yield return await tracer.RunAsync($"step {i}", async run =>
            {
                using var inside = await client.GetAsync(next, cancellationToken);
                return run.Name;
            });
            using var beside = await client.GetAsync(next, cancellationToken);
        }
    }
}
