using LangSmith.Http.Collector.Ingest;

namespace LangSmith.Http;

/// <summary>Something that goes wrong with an ingest request, on purpose: see <see cref="LangSmithCollector.Fault"/>.</summary>
public sealed class CollectorFault
{
    private CollectorFault(CollectorFaultKind kind) => Kind = kind;

    internal CollectorFaultKind Kind { get; }

    internal int StatusCode { get; private init; }

    internal TimeSpan Time { get; private init; }

    /// <summary>Answers with a status code, and keeps nothing.</summary>
    /// <param name="statusCode">The status code, 400 to 599.</param>
    /// <param name="retryAfter">What <c>Retry-After</c> says, in whole seconds; null means there is none.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The status code is none of an error.</exception>
    public static CollectorFault Status(int statusCode, TimeSpan? retryAfter = null)
    {
        if (statusCode is < 400 or > 599)
            throw new ArgumentOutOfRangeException(nameof(statusCode), statusCode, "Give the status code of an error, 400 to 599.");
        return new(CollectorFaultKind.Status) { StatusCode = statusCode, Time = retryAfter ?? Timeout.InfiniteTimeSpan };
    }

    /// <summary>Waits before it does anything; with <see cref="Timeout.InfiniteTimeSpan"/> it never answers.</summary>
    /// <param name="delay">How long.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative, and not <see cref="Timeout.InfiniteTimeSpan"/>.</exception>
    public static CollectorFault Delay(TimeSpan delay)
    {
        if (delay < TimeSpan.Zero && delay != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(delay), delay, "Give a time, or Timeout.InfiniteTimeSpan.");
        return new(CollectorFaultKind.Delay) { Time = delay };
    }

    /// <summary>Reads the beginning of the body, then breaks the connection, and keeps nothing.</summary>
    /// <returns>The fault.</returns>
    public static CollectorFault ResetMidBody() => new(CollectorFaultKind.ResetMidBody);

    /// <summary>Keeps the runs, then breaks the connection: the sender cannot know.</summary>
    /// <returns>The fault.</returns>
    public static CollectorFault LoseResponse() => new(CollectorFaultKind.LoseResponse);
}
