using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>A server in the process of its caller, whose flow of execution it may share: what crosses is the headers.</summary>
public sealed class TestServerTests
{
    private readonly InMemoryRunRecorder _clientRecorder = new();
    private readonly InMemoryRunRecorder _serverRecorder = new();
    private LangSmithTracer _client = null!;

    [SetUp]
    public void Forget()
    {
        _clientRecorder.Clear();
        _serverRecorder.Clear();
        _client = new LangSmithTracer(_clientRecorder, new LangSmithOptions { Tracing = true, Project = "client" });
    }

    [Test]
    public async Task Request_WithoutHeaders_IsATraceOfItsOwn([Values] bool preservesContext, [Values] bool startsRunPerRequest)
    {
        await using var app = await StartAsync(preservesContext, startsRunPerRequest);
        using var http = app.GetTestClient();
        using var scope = _client.StartRun("ask", options: new RunOptions { Tags = ["client"], Metadata = [new("client", 1)] });

        await http.GetStringAsync("/ask");

        Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        AssertRoot(_serverRecorder.Runs[0]);
        Assert.That(_serverRecorder.Runs, Has.Count.EqualTo(startsRunPerRequest ? 2 : 1));
    }

    [Test]
    public async Task Request_WithHeaders_ContinuesThem([Values] bool preservesContext, [Values] bool startsRunPerRequest)
    {
        await using var app = await StartAsync(preservesContext, startsRunPerRequest);
        using var http = new HttpClient(app.GetTestServer().CreateHandler()) { BaseAddress = app.GetTestServer().BaseAddress };
        var other = _client.StartRun("other");
        var headers = other.Run.ToHeaders();
        other.Dispose();
        using var scope = _client.StartRun("ask");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/ask");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);

        using var response = await http.SendAsync(request);

        Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        var run = _serverRecorder.Runs[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ParentRunId, Is.EqualTo(other.Run.Id), "what the headers say, not what is current");
            Assert.That(run.DottedOrder, Does.StartWith(other.Run.DottedOrder + "."));
            Assert.That(run.Project, Is.EqualTo("client"));
        }
    }

    [Test]
    public async Task ParallelRequests_EachInARunOfItsOwn_SeeTheirOwn([Values] bool preservesContext, [Values] bool startsRunPerRequest)
    {
        await using var app = await StartAsync(preservesContext, startsRunPerRequest);
        using var http = new HttpClient(new LangSmithPropagationHandler(app.GetTestServer().CreateHandler())) { BaseAddress = app.GetTestServer().BaseAddress };
        using var plain = app.GetTestClient();

        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(() => _client.RunAsync($"/{i}", async run =>
        {
            await (i % 2 == 0 ? http : plain).GetStringAsync($"/{i}");
            Assert.That(RunTree.Current, Is.SameAs(run));
        }))));

        var served = _serverRecorder.Runs.Where(static run => run.Name.StartsWith('/')).ToDictionary(static run => run.Name);
        Assert.That(served, Has.Count.EqualTo(50));
        using (Assert.EnterMultipleScope())
        {
            foreach (var asked in _clientRecorder.Runs)
            {
                var run = served[asked.Name];
                if (int.Parse(asked.Name[1..]) % 2 == 0)
                    Assert.That((run.TraceId, run.ParentRunId is not null), Is.EqualTo((asked.Id, true)), asked.Name);
                else if (startsRunPerRequest)
                    Assert.That(_clientRecorder.Runs.Select(static run => run.TraceId), Has.None.EqualTo(run.TraceId));
                else
                    AssertRoot(run);
            }
        }
    }

    [Test]
    public async Task Request_ContextOfTheCaller_DoesNotReachTheServer([Values] bool preservesContext, [Values] bool startsRunPerRequest, [Values] bool isSuppressed)
    {
        await using var app = await StartAsync(preservesContext, startsRunPerRequest);
        using var http = app.GetTestClient();
        using var scope = isSuppressed
            ? TracingContext.Suppress()
            : TracingContext.With("client", ["client"], [new("client", 1)], enabled: false);

        await http.GetStringAsync("/ask");

        AssertRoot(_serverRecorder.Runs[0]);
    }

    [Test]
    public async Task Request_WithoutOurMiddlewareWhereTheContextIsPreserved_SeesTheCallersRun()
    {
        await using var app = await StartAsync(preservesContext: true, startsRunPerRequest: false, isTraced: false);
        using var http = app.GetTestClient();
        using var scope = _client.StartRun("ask");

        await http.GetStringAsync("/ask");

        var run = _serverRecorder.Runs.Single();
        Assert.That(run.Metadata["other_tracer_run_id"].GetString(), Is.EqualTo(scope.Run.Id.ToString()), "there is something to shut out");
        Assert.That(run.ParentRunId, Is.Null, "another recorder's run is no parent");
    }

    private static void AssertRoot(RunSnapshot run)
    {
        Assert.That(run.ParentRunId, Is.Null);
        Assert.That(run.TraceId, Is.EqualTo(run.Id));
        Assert.That((run.Project, run.Tags.Count, run.Metadata.Count), Is.EqualTo(("server", 0, 0)));
    }

    private async Task<WebApplication> StartAsync(bool preservesContext, bool startsRunPerRequest, bool isTraced = true)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer(options => options.PreserveExecutionContext = preservesContext);
        builder.Services.AddSingleton<IRunRecorder>(_serverRecorder);
        builder.Services.AddLangSmith(static options =>
        {
            options.Tracing = true;
            options.Project = "server";
        });
        builder.Services.AddLangSmithInbound(options =>
        {
            options.Trust.FromAnyone();
            options.StartRunPerRequest = startsRunPerRequest;
        });
        var app = builder.Build();
        if (isTraced)
            app.UseLangSmithTracing();
        app.MapGet("/{name}", (string name, LangSmithTracer tracer) => tracer.RunAsync("/" + name, static async _ =>
        {
            await Task.Yield();
            return "answer";
        }));
        await app.StartAsync();
        return app;
    }
}
