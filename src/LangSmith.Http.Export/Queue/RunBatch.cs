using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Queue;

/// <summary>Operations taken from the queue, until <see cref="RunQueue.Complete"/> is called with them.</summary>
internal sealed record RunBatch(IReadOnlyList<RunOperation> Operations, long Bytes, LinkedListNode<long> InFlight);
