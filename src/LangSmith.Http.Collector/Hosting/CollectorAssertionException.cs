namespace LangSmith.Http;

/// <summary>An assertion of <see cref="LangSmithCollector"/> does not hold; the message shows what there is instead.</summary>
/// <param name="message">What does not hold.</param>
public sealed class CollectorAssertionException(string message) : Exception(message);
