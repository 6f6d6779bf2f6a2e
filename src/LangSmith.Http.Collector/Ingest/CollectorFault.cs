using LangSmith.Http.Collector.Ingest;

namespace LangSmith.Http;

/// <summary>Makes an ingest request fail on purpose: see <see cref="LangSmithCollector.Fault"/>.</summary>
public sealed class CollectorFault
{
    private CollectorFault(CollectorFaultKind kind) => Kind = kind;

    internal CollectorFaultKind Kind { get; }

    internal int StatusCode { get; private init; }

    internal TimeSpan Time { get; private init; }

    /// <summary>Answers with a status code, and stores nothing.</summary>
    /// <param name="statusCode">The status code, 400 to 599.</param>
    /// <param name="retryAfter">The value of <c>Retry-After</c>, in whole seconds; null omits the header.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The status code is less than 400 or more than 599.</exception>
    public static CollectorFault Status(int statusCode, TimeSpan? retryAfter = null)
    {
        if (statusCode is < 400 or > 599)
            throw new ArgumentOutOfRangeException(nameof(statusCode), statusCode, "Give the status code of an error, 400 to 599.");
        return new(CollectorFaultKind.Status) { StatusCode = statusCode, Time = retryAfter ?? Timeout.InfiniteTimeSpan };
    }

    /// <summary>Delays the request; with <see cref="Timeout.InfiniteTimeSpan"/> it is never answered.</summary>
    /// <param name="delay">How long to wait before the request is processed.</param>
    /// <returns>The fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The delay is negative and not <see cref="Timeout.InfiniteTimeSpan"/>.</exception>
    public static CollectorFault Delay(TimeSpan delay)
    {
        if (delay < TimeSpan.Zero && delay != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(nameof(delay), delay, "Give a time, or Timeout.InfiniteTimeSpan.");
        return new(CollectorFaultKind.Delay) { Time = delay };
    }

    /// <summary>Reads the beginning of the body, breaks the connection, and stores nothing.</summary>
    /// <returns>The fault.</returns>
    public static CollectorFault ResetMidBody() => new(CollectorFaultKind.ResetMidBody);

    /// <summary>Stores the runs, then breaks the connection: the sender cannot know that they arrived.</summary>
    /// <returns>The fault.</returns>
    public static CollectorFault LoseResponse() => new(CollectorFaultKind.LoseResponse);
}
