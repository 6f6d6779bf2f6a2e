namespace LangSmith.Http.Export.Diagnostics;

/// <summary>
/// How many operations a queue holds and their bytes, with those being sent. The queue writes it under its lock; any thread
/// may read it. The gauges reference it instead of the queue, which stays collectable.
/// </summary>
internal sealed class QueueSize
{
    private int _operations;
    private long _bytes;

    internal int Operations => Volatile.Read(ref _operations);

    /// <summary>An estimate of the memory the operations hold.</summary>
    internal long Bytes => Volatile.Read(ref _bytes);

    internal void Add(int operations, long bytes)
    {
        Volatile.Write(ref _operations, _operations + operations);
        Volatile.Write(ref _bytes, _bytes + bytes);
    }
}
