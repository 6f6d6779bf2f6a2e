namespace LangSmith.Http.Diagnostics;

/// <summary>
/// Calls code that is not part of this library where its exceptions must not reach the traced call: loggers, metric listeners,
/// recorders, redactors, trust rules. Two kinds of user code have a catch of their own, because a failure is a result there:
/// carriers (<c>carrier_failed</c>) and payloads (their type's name is recorded).
/// </summary>
internal static class NeverThrow
{
    /// <summary>Calls a delegate.</summary>
    /// <returns>The exception it threw; null if it threw none.</returns>
    internal static Exception? Run<TState>(TState state, Action<TState> call)
    {
        try
        {
            call(state);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    /// <summary>Calls a delegate that returns a value.</summary>
    /// <returns>The value; <paramref name="fallback"/> if the delegate threw.</returns>
    internal static TResult Run<TState, TResult>(TState state, Func<TState, TResult> call, TResult fallback, out Exception? exception)
    {
        exception = null;
        try
        {
            return call(state);
        }
        catch (Exception thrown)
        {
            exception = thrown;
            return fallback;
        }
    }

    /// <summary>Awaits a delegate that returns a value.</summary>
    /// <returns>The value, or <paramref name="fallback"/> and the exception the delegate threw.</returns>
    internal static async ValueTask<(TResult Result, Exception? Exception)> RunAsync<TState, TResult>(
        TState state, Func<TState, ValueTask<TResult>> call, TResult fallback)
    {
        try
        {
            return (await call(state).ConfigureAwait(false), null);
        }
        catch (Exception exception)
        {
            return (fallback, exception);
        }
    }
}
