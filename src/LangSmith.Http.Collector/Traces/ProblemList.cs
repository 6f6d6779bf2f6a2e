namespace LangSmith.Http.Collector.Traces;

/// <summary>The newest problems that the state of the traces does not show, newest first. A repeated problem is counted.</summary>
internal sealed class ProblemList
{
    private const int MaxProblems = 1000;

    private readonly LinkedList<CollectorProblem> _problems = [];

    internal IReadOnlyCollection<CollectorProblem> All => _problems;

    internal void Clear() => _problems.Clear();

    internal void Add(CollectorProblem problem)
    {
        for (var node = _problems.First; node is not null; node = node.Next)
        {
            var other = node.Value;
            if (other.Code != problem.Code || other.TraceId != problem.TraceId || other.RunId != problem.RunId
                || other.Message != problem.Message)
                continue;
            _problems.Remove(node);
            problem = problem with { Count = other.Count + 1 };
            break;
        }

        _problems.AddFirst(problem);
        if (_problems.Count > MaxProblems)
            _problems.RemoveLast();
    }
}
