namespace LangSmith.Http.Runs;

/// <summary>
/// What the runs of this process under one local root share: their tracer, and one clock. Times are the wall clock's at the root's
/// start and the elapsed time since, so that a step of the system's clock changes no duration and no order.
/// </summary>
internal sealed class LocalTree
{
    private readonly long _offset;
    private long _last;

    internal LocalTree(LangSmithTracer tracer, DateTime start)
    {
        Tracer = tracer;
        _last = start.Ticks;
        _offset = start.Ticks - tracer.Clock.Elapsed;
    }

    internal LangSmithTracer Tracer { get; }

    internal DateTime Now() => RunClock.Truncate(_offset + Tracer.Clock.Elapsed);

    /// <summary>A start time no run of this tree has yet: siblings sort in the order they were started.</summary>
    internal DateTime NextStart()
    {
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var next = Math.Max(Now().Ticks, last + TimeSpan.TicksPerMicrosecond);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
                return new DateTime(next, DateTimeKind.Utc);
        }
    }
}
