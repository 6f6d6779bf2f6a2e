using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Runs get from a tracer to a collector over HTTP.</summary>
public sealed class DeliveryTests
{
    [Test]
    public async Task Runs_FromAContainer_ArriveAsOneTrace()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var services = new ServiceCollection();
        services.AddLangSmith(static options => options.Tracing = true);
        services.AddLangSmithExport(options =>
        {
            options.Endpoint = collector.Endpoint.ToString();
            options.ApiKey = "key";
            options.ServiceName = "shop";
        });
        await using (var provider = services.BuildServiceProvider())
        {
            var tracer = provider.GetRequiredService<LangSmithTracer>();
            await tracer.RunAsync("ask", async run =>
            {
                run.AddMetadata("thread_id", "t-1");
                return await tracer.RunAsync("llm", static _ => Task.FromResult("42"), new { question = "why?" }, new RunOptions { RunType = RunTypes.Llm });
            }, new { question = "why?" });
            Assert.That(await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(10)), Is.True);
        }

        var trace = collector.AssertOneTrace();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.Runs.Select(static run => run.Name), Is.EqualTo(["ask", "llm"]));
            Assert.That(trace.Services, Is.EqualTo(["shop"]));
            Assert.That(trace.Runs[1].Inputs!.Value.GetRawText(), Is.EqualTo("""{"question":"why?"}"""));
            Assert.That(trace.Runs[1].Outputs!.Value.GetRawText(), Is.EqualTo("""{"output":"42"}"""));
            Assert.That(trace.Runs[1].Metadata["thread_id"].GetString(), Is.EqualTo("t-1"));
        }
    }

    [Test]
    public async Task Run_ThatIsStillOpenWhenTheExporterEnds_EndsWithAnErrorThatSaysSo()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = collector.Endpoint.ToString(), ApiKey = "key" });
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        var scope = tracer.StartRun("ask");
        await exporter.DisposeAsync();

        Assert.That(collector.AssertOneTrace().Root!.Error, Is.EqualTo("The application ended before the run did."));
        scope.Dispose();
        Assert.That(exporter.DroppedOperations, Is.EqualTo(1), "what comes later is counted");
    }
}
