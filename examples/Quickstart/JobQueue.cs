using System.Threading.Channels;

namespace Quickstart;

/// <summary>A message with headers, as every queue has them.</summary>
internal sealed record Job(string Topic)
{
    public Dictionary<string, string> Headers { get; } = [];
}

/// <summary>Stands in for RabbitMQ, Kafka, Service Bus…: nothing but the message goes from one side to the other.</summary>
internal sealed class JobQueue
{
    private readonly Channel<Job> _jobs = Channel.CreateUnbounded<Job>();

    public void Send(Job job) => _jobs.Writer.TryWrite(job);

    public void Complete() => _jobs.Writer.Complete();

    public IAsyncEnumerable<Job> ReadAllAsync() => _jobs.Reader.ReadAllAsync();
}
