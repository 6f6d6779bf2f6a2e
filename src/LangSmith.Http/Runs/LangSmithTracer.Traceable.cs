using System.Reflection;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

// The wrappers for people who come from @traceable and traceable().
public sealed partial class LangSmithTracer
{
    /// <summary>
    /// Wraps a function so that each call is a run: arguments become inputs by parameter name, the result becomes
    /// outputs, an exception is recorded and rethrown untouched.
    /// </summary>
    /// <remarks>
    /// Arguments that are a <see cref="CancellationToken"/>, a <see cref="Stream"/> or a delegate are never captured. A
    /// stream's run starts when it is enumerated and ends as
    /// <see cref="TraceStream{T}(IAsyncEnumerable{T}, string, Func{IReadOnlyList{T}, object?}, object?, RunOptions?)"/> says.
    /// A function that returns a <see cref="ValueTask"/> is wrapped with <see cref="TraceableValueTask(Func{ValueTask}, string, RunOptions?)"/>.
    /// </remarks>
    /// <typeparam name="TResult">The result's type.</typeparam>
    /// <param name="func">The function.</param>
    /// <param name="name">What the runs are called.</param>
    /// <param name="options">More about the runs; null means the defaults.</param>
    /// <returns>The wrapped function.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="func"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="name"/> is null or blank.</exception>
    public Func<TResult> Traceable<TResult>(Func<TResult> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options, isAwaited: false);
        return () => call.Invoke(func);
    }

    /// <inheritdoc cref="Traceable{TResult}(Func{TResult}, string, RunOptions?)"/>
    public Func<Task> Traceable(Func<Task> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return () => call.InvokeAsync(func);
    }

    /// <inheritdoc cref="Traceable{TResult}(Func{TResult}, string, RunOptions?)"/>
    public Func<Task<TResult>> Traceable<TResult>(Func<Task<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return () => call.InvokeAsync(func);
    }

    /// <inheritdoc cref="Traceable{TResult}(Func{TResult}, string, RunOptions?)"/>
    public Func<IAsyncEnumerable<TResult>> Traceable<TResult>(Func<IAsyncEnumerable<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return () => call.InvokeStream(func);
    }

    /// <inheritdoc cref="Traceable{TResult}(Func{TResult}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, TResult> Traceable<T1, TResult>(Func<T1, TResult> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options, isAwaited: false);
        return a => call.Invoke(() => func(a), a);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    public Func<T1, Task> Traceable<T1>(Func<T1, Task> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return a => call.InvokeAsync(() => func(a), a);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    public Func<T1, Task<TResult>> Traceable<T1, TResult>(Func<T1, Task<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return a => call.InvokeAsync(() => func(a), a);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    public Func<T1, IAsyncEnumerable<TResult>> Traceable<T1, TResult>(Func<T1, IAsyncEnumerable<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return a => call.InvokeStream(() => func(a), a);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, TResult> Traceable<T1, T2, TResult>(Func<T1, T2, TResult> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options, isAwaited: false);
        return (a, b) => call.Invoke(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="Traceable{T1, T2, TResult}(Func{T1, T2, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, Task> Traceable<T1, T2>(Func<T1, T2, Task> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b) => call.InvokeAsync(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="Traceable{T1, T2, TResult}(Func{T1, T2, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, Task<TResult>> Traceable<T1, T2, TResult>(Func<T1, T2, Task<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b) => call.InvokeAsync(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="Traceable{T1, T2, TResult}(Func{T1, T2, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, IAsyncEnumerable<TResult>> Traceable<T1, T2, TResult>(Func<T1, T2, IAsyncEnumerable<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b) => call.InvokeStream(() => func(a, b), a, b);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, T3, TResult> Traceable<T1, T2, T3, TResult>(Func<T1, T2, T3, TResult> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options, isAwaited: false);
        return (a, b, c) => call.Invoke(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, TResult}(Func{T1, T2, T3, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, Task> Traceable<T1, T2, T3>(Func<T1, T2, T3, Task> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c) => call.InvokeAsync(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, TResult}(Func{T1, T2, T3, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, Task<TResult>> Traceable<T1, T2, T3, TResult>(Func<T1, T2, T3, Task<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c) => call.InvokeAsync(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, TResult}(Func{T1, T2, T3, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, IAsyncEnumerable<TResult>> Traceable<T1, T2, T3, TResult>(Func<T1, T2, T3, IAsyncEnumerable<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c) => call.InvokeStream(() => func(a, b, c), a, b, c);
    }

    /// <inheritdoc cref="Traceable{T1, TResult}(Func{T1, TResult}, string, RunOptions?)"/>
    /// <typeparam name="T1">The type of the first argument.</typeparam>
    /// <typeparam name="T2">The type of the second argument.</typeparam>
    /// <typeparam name="T3">The type of the third argument.</typeparam>
    /// <typeparam name="T4">The type of the fourth argument.</typeparam>
    /// <typeparam name="TResult">The result's type.</typeparam>
    public Func<T1, T2, T3, T4, TResult> Traceable<T1, T2, T3, T4, TResult>(Func<T1, T2, T3, T4, TResult> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options, isAwaited: false);
        return (a, b, c, d) => call.Invoke(() => func(a, b, c, d), a, b, c, d);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, T4, TResult}(Func{T1, T2, T3, T4, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, T4, Task> Traceable<T1, T2, T3, T4>(Func<T1, T2, T3, T4, Task> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c, d) => call.InvokeAsync(() => func(a, b, c, d), a, b, c, d);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, T4, TResult}(Func{T1, T2, T3, T4, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, T4, Task<TResult>> Traceable<T1, T2, T3, T4, TResult>(Func<T1, T2, T3, T4, Task<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c, d) => call.InvokeAsync(() => func(a, b, c, d), a, b, c, d);
    }

    /// <inheritdoc cref="Traceable{T1, T2, T3, T4, TResult}(Func{T1, T2, T3, T4, TResult}, string, RunOptions?)"/>
    public Func<T1, T2, T3, T4, IAsyncEnumerable<TResult>> Traceable<T1, T2, T3, T4, TResult>(Func<T1, T2, T3, T4, IAsyncEnumerable<TResult>> func, string name, RunOptions? options = null)
    {
        var call = new TraceableCall(this, func, name, options);
        return (a, b, c, d) => call.InvokeStream(() => func(a, b, c, d), a, b, c, d);
    }

    /// <summary>One wrapped function: it knows the names of the parameters and starts a run per call.</summary>
    private sealed class TraceableCall
    {
        private readonly LangSmithTracer _tracer;
        private readonly string _name;
        private readonly RunOptions? _options;
        private readonly ParameterInfo[] _parameters;

        internal TraceableCall(LangSmithTracer tracer, Delegate func, string name, RunOptions? options, bool isAwaited = true)
        {
            ArgumentNullException.ThrowIfNull(func);
            ArgumentException.ThrowIfNullOrWhiteSpace(name);
            _tracer = tracer;
            _name = name;
            _options = options;
            _parameters = func.Method.GetParameters();
            if (isAwaited)
                return;
            var returned = func.Method.ReturnType;
            if (returned == typeof(ValueTask) || (returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(ValueTask<>)))
                throw new ArgumentException($"'{name}' returns {returned.Name}. Use TraceableValueTask.", nameof(func));
            if (typeof(Task).IsAssignableFrom(returned))
                throw new ArgumentException($"'{name}' returns a task, and its run would end before the task does. Leave out the type arguments, so that the overload for tasks is taken.", nameof(func));
        }

        internal TResult Invoke<TResult>(Func<TResult> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.Run(_name, _ => func(), Inputs(arguments), _options);

        internal Task InvokeAsync(Func<Task> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.RunAsync(_name, _ => func(), Inputs(arguments), _options);

        internal Task<TResult> InvokeAsync<TResult>(Func<Task<TResult>> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.RunAsync(_name, _ => func(), Inputs(arguments), _options);

        internal async ValueTask InvokeValueAsync(Func<ValueTask> func, params object?[] arguments) =>
            await _tracer.RunAsync(_name, _ => func().AsTask(), Inputs(arguments), _options).ConfigureAwait(false);

        internal async ValueTask<TResult> InvokeValueAsync<TResult>(Func<ValueTask<TResult>> func, params object?[] arguments) =>
            await _tracer.RunAsync(_name, _ => func().AsTask(), Inputs(arguments), _options).ConfigureAwait(false);

        // The arguments are captured now: they may change until the stream is enumerated.
        internal TracedStream<TResult> InvokeStream<TResult>(Func<IAsyncEnumerable<TResult>> func, params ReadOnlySpan<object?> arguments)
        {
            var inputs = Inputs(arguments);
            return new TracedStream<TResult>(_tracer, func, _name, () => _tracer.ListOutputs<TResult>(null, _options), () => inputs, _options);
        }

        private JsonPayload? Inputs(ReadOnlySpan<object?> arguments)
        {
            if (arguments.IsEmpty || !_tracer.IsRecording)
                return null;
            var inputs = new Dictionary<string, object?>(arguments.Length);
            // A delegate closed over its first argument has one parameter more than the call has arguments.
            var skipped = _parameters.Length - arguments.Length;
            for (var i = 0; i < arguments.Length; i++)
            {
                if (arguments[i] is CancellationToken or Stream or Delegate)
                    continue;
                var parameter = i + skipped >= 0 ? _parameters[i + skipped].Name : null;
                inputs[parameter ?? $"arg{i}"] = arguments[i];
            }

            var processed = _tracer.Process(inputs, _options?.ProcessInputs, "RunOptions.ProcessInputs");
            return processed is null ? null : new JsonPayload(_tracer.Capture.Serialize(processed, "input"u8));
        }
    }
}
