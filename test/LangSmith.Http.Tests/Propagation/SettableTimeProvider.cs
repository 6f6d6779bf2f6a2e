namespace LangSmith.Http.Tests.Propagation;

/// <summary>A clock that says what it is told, backwards and in any offset too. Time that has elapsed is what it is told, too.</summary>
internal sealed class SettableTimeProvider(DateTimeOffset now) : TimeProvider
{
    internal DateTimeOffset Now { get; set; } = now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Now.UtcTicks;
}
