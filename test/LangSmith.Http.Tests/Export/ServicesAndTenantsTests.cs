using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Export;

/// <summary>Two services with one LangSmith, and two LangSmiths of one process.</summary>
public sealed class ServicesAndTenantsTests
{
    [TestCase(0.5, 0.5)]
    [TestCase(0.5, 0.0)]
    [TestCase(0.5, 1.0)]
    [TestCase(0.0, 1.0)]
    public async Task Sampling_OverTwoServices_IsDecidedByTheTracesId(double rate, double nextRate)
    {
        const int Traces = 400;
        var posts = 0;
        await using var collector = await LangSmithCollector.StartAsync();
        collector.Fault = _ =>
        {
            Interlocked.Increment(ref posts);
            return null;
        };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        AddExport(builder.Services, collector, "next", nextRate).AddLangSmithInbound(static options =>
        {
            options.Trust.FromNetworks("127.0.0.0/8");
            options.StartRunPerRequest = true;
        });
        await using var next = builder.Build();
        next.UseLangSmithTracing();
        next.MapGet("/", static () => "ok");
        await next.StartAsync();
        var services = AddExport(new ServiceCollection(), collector, "first", rate);
        services.AddHttpClient("next", client => client.BaseAddress = new Uri(next.Urls.Single())).AddHttpMessageHandler<LangSmithPropagationHandler>();
        await using var provider = services.BuildServiceProvider();
        var tracer = provider.GetRequiredService<LangSmithTracer>();
        using var client = provider.GetRequiredService<IHttpClientFactory>().CreateClient("next");
        var roots = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, Traces), new ParallelOptions { MaxDegreeOfParallelism = 8 }, (_, _) => new ValueTask(tracer.RunAsync("root", async run =>
        {
            if (run.IsRecorded)
                Interlocked.Increment(ref roots);
            await client.GetStringAsync(new Uri("/", UriKind.Relative));
        })));
        await next.StopAsync();
        await provider.DisposeAsync();

        collector.AssertNoProblems();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(collector.Traces, Has.Count.EqualTo(roots));
            foreach (var trace in collector.Traces)
            {
                Assert.That(trace.Root, Is.Not.Null);
                Assert.That(trace.Runs.Select(static run => (run.Name, run.Service)), Is.EqualTo(
                    TraceSampler.ShouldRecord(trace.Id, nextRate) ? new[] { ("root", "first"), ("GET /", "next") } : [("root", "first")]));
                Assert.That(TraceSampler.ShouldRecord(trace.Id, rate), Is.True);
            }

            if (rate == 0)
                Assert.That((roots, posts), Is.EqualTo((0, 0)));
            else
                Assert.That(roots, Is.InRange(130, 270));
        }
    }

    [Test]
    public async Task Tenants_OfOneProcess_AreNeverMixed()
    {
        const int Runs = 10_000;
        await using var server = await IngestServer.StartAsync("""{"instance_flags":{"gzip_body_enabled":true}}""");
        var owners = new Dictionary<string, string>();
        string[] tenants = ["a", "b"];
        await using (var services = Provider(server, "a"))
        await using (var other = Provider(server, "b"))
        {
            LangSmithTracer[] tracers = [services.GetRequiredService<LangSmithTracer>(), other.GetRequiredService<LangSmithTracer>()];
            await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
            {
                for (var i = 0; i < Runs / 4; i++)
                {
                    var tenant = i % 2;
                    using var scope = tracers[tenant].StartRun("run", $"of {tenants[tenant]}", new RunOptions { Parent = RunParent.None });
                    lock (owners)
                        owners.Add(scope.Run.Id.ToString(), tenants[tenant]);
                }
            })));
        }

        Assert.That(owners, Has.Count.EqualTo(Runs));
        var seen = new HashSet<string>();
        foreach (var post in server.Posts)
        {
            var tenant = post.Headers["x-api-key"]["key-".Length..];
            Assert.That(post.Headers["x-tenant-id"], Is.EqualTo("workspace-" + tenant));
            var ids = new HashSet<string>();
            foreach (var part in FormPart.Split(post.Body, post.Headers["Content-Type"]))
            {
                ids.Add(part.Name.Split('.')[1]);
                if (part.Name.EndsWith(".inputs", StringComparison.Ordinal))
                    Assert.That(part.Text, Is.EqualTo($$"""{"input":"of {{tenant}}"}"""));
            }

            Assert.That(ids.Select(id => owners[id]).Distinct(), Is.EqualTo([tenant]));
            seen.UnionWith(ids);
        }

        Assert.That(seen, Has.Count.EqualTo(Runs));
    }

    private static ServiceProvider Provider(IngestServer server, string tenant) => new ServiceCollection()
        .AddLangSmith(static options => options.Tracing = true)
        .AddLangSmithExport(options => (options.Endpoint, options.ApiKey, options.WorkspaceId) = (server.Endpoint, "key-" + tenant, "workspace-" + tenant))
        .BuildServiceProvider();

    private static IServiceCollection AddExport(IServiceCollection services, LangSmithCollector collector, string name, double rate) => services
        .AddLangSmith(static options => options.Tracing = true)
        .AddLangSmithExport(options => (options.Endpoint, options.ApiKey, options.ServiceName, options.SamplingRate) = (collector.Endpoint.ToString(), "key", name, rate));
}
