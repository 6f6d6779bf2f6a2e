using LangSmith.Http;

namespace Quickstart;

/// <summary>The worker's side of the queue.</summary>
internal sealed class JobConsumer(JobQueue queue, LangSmithTracer tracer, Wire wire) : BackgroundService
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        // It outlives whatever started it, and must not keep that run for all jobs to come.
        using (TracingContext.Suppress())
            return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Until the queue is complete, not until the service stops: what was accepted is worked off.
        await foreach (var job in queue.ReadAllAsync())
        {
            wire.Received(job);
            RunContext.TryExtract(
                job.Headers, static (headers, name) => headers.TryGetValue(name, out var value) ? [value] : null, out var parent);
            using (TracingContext.UseParent(parent))
                Worker.Retrieve(job.Topic, tracer);
        }
    }
}
