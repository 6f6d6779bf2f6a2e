using LangSmith.Http;

namespace Quickstart;

/// <summary>What the console asks, and what is to happen on the way.</summary>
internal sealed record Question(string Topic, string Story)
{
    /// <summary>LangSmith groups traces with the same <c>thread_id</c> into one conversation.</summary>
    public string ThreadId => $"t-{Topic}";

    public bool IsLater { get; init; }

    public bool Fails { get; init; }
}

/// <summary>A run and the service that recorded it.</summary>
internal sealed record ServiceRun(string Service, RecordedRun Run)
{
    /// <summary>Every run here has its topic in its inputs: that joins them without believing any id.</summary>
    public string? Topic => Run.Inputs?.TryGetProperty("topic", out var topic) == true ? topic.GetString() : null;

    public static IEnumerable<ServiceRun> Of(string service, IServiceProvider services) =>
        ((InMemoryRunRecorder)services.GetRequiredService<IRunRecorder>()).Runs.Select(run => new ServiceRun(service, run));
}

/// <summary>The runs of one question, from all services.</summary>
internal sealed class Tree(Question question, string answer, IEnumerable<ServiceRun> runs)
{
    public Question Question { get; } = question;

    public string Answer { get; } = answer;

    // Ordinal order of dotted orders is the order of the tree.
    public IReadOnlyList<ServiceRun> Runs { get; } =
        [.. runs.Where(run => run.Topic == question.Topic).OrderBy(run => run.Run.DottedOrder, StringComparer.Ordinal)];
}
