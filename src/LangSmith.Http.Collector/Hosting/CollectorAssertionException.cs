namespace LangSmith.Http;

/// <summary>Signals that an assertion of <see cref="LangSmithCollector"/> failed. The message shows the traces and problems.</summary>
/// <param name="message">The assertion that failed.</param>
public sealed class CollectorAssertionException(string message) : Exception(message);
