namespace LangSmith.Http.Propagation;

/// <summary>The metadata keys by which LangSmith groups traces into threads. The first key that is set wins.</summary>
internal static class ThreadKeys
{
    internal static IReadOnlyList<string> All { get; } = ["thread_id", "session_id", "conversation_id"];
}
