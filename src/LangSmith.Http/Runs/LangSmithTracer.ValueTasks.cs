namespace LangSmith.Http;

// The wrappers of functions that return a ValueTask. As overloads of Traceable they would make async lambdas ambiguous.
public sealed partial class LangSmithTracer
{
    /// <summary>
    /// Wraps a function that returns a <see cref="ValueTask"/>, as <see cref="Traceable(Func{Task}, string, RunOptions?)"/> wraps one that returns a
    /// task.
    /// </summary>
    /// <inheritdoc cref="Traceable(Func{Task}, string, RunOptions?)" path="/remarks|/param|/returns|/exception"/>
    public Func<ValueTask> TraceableValueTask(Func<ValueTask> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return () => call.InvokeValueAsync(func);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<ValueTask<TResult>> TraceableValueTask<TResult>(Func<ValueTask<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return () => call.InvokeValueAsync(func);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    public Func<T1, ValueTask> TraceableValueTask<T1>(Func<T1, ValueTask> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return a => call.InvokeValueAsync(() => func(a), a);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, ValueTask<TResult>> TraceableValueTask<T1, TResult>(Func<T1, ValueTask<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return a => call.InvokeValueAsync(() => func(a), a);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    public Func<T1, T2, ValueTask> TraceableValueTask<T1, T2>(Func<T1, T2, ValueTask> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b) => call.InvokeValueAsync(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, ValueTask<TResult>> TraceableValueTask<T1, T2, TResult>(Func<T1, T2, ValueTask<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b) => call.InvokeValueAsync(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    public Func<T1, T2, T3, ValueTask> TraceableValueTask<T1, T2, T3>(Func<T1, T2, T3, ValueTask> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c) => call.InvokeValueAsync(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, T3, ValueTask<TResult>> TraceableValueTask<T1, T2, T3, TResult>(Func<T1, T2, T3, ValueTask<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c) => call.InvokeValueAsync(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    /// <typeparam name="T4">The type of the fourth argument.</typeparam>
    public Func<T1, T2, T3, T4, ValueTask> TraceableValueTask<T1, T2, T3, T4>(Func<T1, T2, T3, T4, ValueTask> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c, d) => call.InvokeValueAsync(() => func(a, b, c, d), a, b, c, d);
    }

    /// <inheritdoc cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    /// <typeparam name="T4">The type of the fourth argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, T3, T4, ValueTask<TResult>> TraceableValueTask<T1, T2, T3, T4, TResult>(Func<T1, T2, T3, T4, ValueTask<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c, d) => call.InvokeValueAsync(() => func(a, b, c, d), a, b, c, d);
    }
}
