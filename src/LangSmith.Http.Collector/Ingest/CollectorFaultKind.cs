namespace LangSmith.Http.Collector.Ingest;

/// <summary>What a <see cref="CollectorFault"/> does.</summary>
internal enum CollectorFaultKind
{
    Status,
    Delay,
    ResetMidBody,
    LoseResponse,
}
