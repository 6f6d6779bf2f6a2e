using LangSmith.Http.Tests.Runs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LangSmith.Http.Tests.Collector;

/// <summary>A collector as a guest in somebody's process.</summary>
public sealed class CollectorInAProcessTests
{
    [Test]
    public async Task StartAsync_InAProgram_LeavesItsSignalsAlone()
    {
        await using var collector = await LangSmithCollector.StartAsync();
        Assert.That(collector.Services!.GetRequiredService<IHostLifetime>().GetType().FullName, Does.StartWith("LangSmith.Http."));
    }

    [Test]
    public void Recorder_RunBelowAParentLangSmithRefuses_IsRefusedWithTheReason()
    {
        var collector = new LangSmithCollector();
        var parent = Recording.Remote(dottedOrder: $"20231114T221320123Z{Recording.RemoteTraceId}");   // milliseconds
        using (TracingContext.UseParent(parent))
            Recording.Tracer(collector.CreateRecorder("svc")).Run("answer", static _ => 1);

        Assert.That(collector.Traces, Is.Empty);
        var problem = collector.Problems.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((problem.Code, problem.Severity, problem.RunName, problem.Count), Is.EqualTo(("dotted_order_grammar", ProblemSeverity.Error, "answer", 2)));
            Assert.That(problem.Message, Does.Contain("'20231114T221320123Z"));
        }
    }
}
