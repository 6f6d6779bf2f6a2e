namespace LangSmith.Http.Tests.Runs;

/// <summary>A recorder made of what a test wants to happen; it keeps nothing itself.</summary>
internal sealed class DelegateRecorder : IRunRecorder
{
    private int _asked;
    private int _started;
    private int _ended;

    internal Func<Guid, bool> Decide { get; init; } = static _ => true;

    internal Action<RunSnapshot> Start { get; init; } = static _ => { };

    internal Action<RunSnapshot> End { get; init; } = static _ => { };

    internal int Asked => _asked;

    internal int Started => _started;

    internal int Ended => _ended;

    public bool ShouldRecord(Guid traceId)
    {
        Interlocked.Increment(ref _asked);
        return Decide(traceId);
    }

    public void OnStart(RunSnapshot run)
    {
        Interlocked.Increment(ref _started);
        Start(run);
    }

    public void OnEnd(RunSnapshot run)
    {
        Interlocked.Increment(ref _ended);
        End(run);
    }
}
