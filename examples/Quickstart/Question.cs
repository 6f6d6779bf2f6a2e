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

/// <summary>What came of a question: every run here has its topic in its inputs, which joins them without believing any id.</summary>
internal sealed class Outcome(Question question, string answer, IEnumerable<CollectedTrace> traces)
{
    public Question Question { get; } = question;

    public string Answer { get; } = answer;

    /// <summary>One, if all is well.</summary>
    public IReadOnlyList<CollectedTrace> Traces { get; } =
        [.. traces.Where(trace => trace.Runs.Any(run => run.Inputs?.GetProperty("topic").GetString() == question.Topic))];
}
