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
}
