namespace LangSmith.Http.Diagnostics;

/// <summary>
/// Calls code that is not part of this library (loggers, metric listeners, the user's callbacks) where its exceptions must
/// not reach the traced call. Every such call goes through here.
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
    internal static TResult Run<TState, TResult>(TState state, Func<TState, TResult> call, TResult fallback)
    {
        try
        {
            return call(state);
        }
        catch (Exception)
        {
            return fallback;
        }
    }

    /// <inheritdoc cref="Run{TState}(TState, Action{TState})"/>
    internal static async ValueTask<Exception?> RunAsync<TState>(TState state, Func<TState, ValueTask> call)
    {
        try
        {
            await call(state).ConfigureAwait(false);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }
}
