namespace LangSmith.Http.Collector.Ingest;

internal enum CollectorFaultKind
{
    Status,
    Delay,
    ResetMidBody,
    LoseResponse,
}
