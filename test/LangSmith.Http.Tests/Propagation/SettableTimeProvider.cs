namespace LangSmith.Http.Tests.Propagation;

/// <summary>A clock that says what it is told, backwards and in any offset too.</summary>
internal sealed class SettableTimeProvider(DateTimeOffset now) : TimeProvider
{
    internal DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
