namespace LangSmith.Http.LoadProcess;

/// <summary>What became of the load, as the process that made it saw it: a line of JSON on its standard output.</summary>
internal sealed record LoadReport
{
    public required int Runs { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Whether everything was out of the queue before the process stopped.</summary>
    public required bool IsFlushed { get; init; }

    public required long Posted { get; init; }

    public required long Dropped { get; init; }

    public required int PeakQueuedOperations { get; init; }

    public required long PeakQueuedBytes { get; init; }

    /// <summary>Of the heap, garbage included.</summary>
    public required long PeakHeapBytes { get; init; }

    /// <summary>The most memory that was resident before the load.</summary>
    public required long IdleBytes { get; init; }

    /// <summary>… and until the end.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The counters of the exporter's meter, each with its reason; <c>batches</c> is how often a duration was measured.</summary>
    public required IReadOnlyDictionary<string, long> Meter { get; init; }

    /// <summary>How many lines were logged at Warning or above, by event.</summary>
    public required IReadOnlyDictionary<string, int> LogLines { get; init; }
}
