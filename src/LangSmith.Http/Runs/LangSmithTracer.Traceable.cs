using System.Reflection;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;
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
    /// stream's run starts when it is enumerated and ends as <see cref="TraceStream{T}"/> says.
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

    /// <summary>
    /// Traces a stream: the run starts when it is enumerated, is current again on every step of the source, and ends
    /// once, on completion, on <c>break</c> or on an exception.
    /// </summary>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="source">The stream.</param>
    /// <param name="name">What the run is called.</param>
    /// <param name="reduce">
    /// Makes the outputs of the elements that were read. Null means all of them, each serialised as it passes.
    /// </param>
    /// <param name="inputs">The inputs, serialised when the run starts.</param>
    /// <param name="options">More about the run; null means the defaults.</param>
    /// <returns>The same elements. Each enumeration is a run of its own.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    public IAsyncEnumerable<T> TraceStream<T>(
        IAsyncEnumerable<T> source, string name, Func<IReadOnlyList<T>, object?>? reduce = null, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new TracedStream<T>(this, () => source, name, reduce, () => inputs, options);
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
            var returned = func.Method.ReturnType;
            if (returned == typeof(ValueTask) || (returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(ValueTask<>)))
                throw new ArgumentException($"'{name}' returns {returned.Name}, which can be awaited only once. Return a Task: call AsTask() on it.", nameof(func));
            if (!isAwaited && typeof(Task).IsAssignableFrom(returned))
                throw new ArgumentException($"'{name}' returns a task, and its run would end before the task does. Leave out the type arguments, so that the overload for tasks is taken.", nameof(func));
            _parameters = func.Method.GetParameters();
        }

        internal TResult Invoke<TResult>(Func<TResult> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.Run(_name, _ => func(), Inputs(arguments), _options);

        internal Task InvokeAsync(Func<Task> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.RunAsync(_name, _ => func(), Inputs(arguments), _options);

        internal Task<TResult> InvokeAsync<TResult>(Func<Task<TResult>> func, params ReadOnlySpan<object?> arguments) =>
            _tracer.RunAsync(_name, _ => func(), Inputs(arguments), _options);

        internal TracedStream<TResult> InvokeStream<TResult>(Func<IAsyncEnumerable<TResult>> func, params ReadOnlySpan<object?> arguments)
        {
            var inputs = Inputs(arguments);
            return new TracedStream<TResult>(_tracer, func, _name, null, () => inputs, _options);
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

            return new JsonPayload(_tracer.Capture.Serialize(inputs));
        }
    }

    private sealed class TracedStream<T>(
        LangSmithTracer tracer,
        Func<IAsyncEnumerable<T>> source,
        string name,
        Func<IReadOnlyList<T>, object?>? reduce,
        Func<object?> inputs,
        RunOptions? options) : IAsyncEnumerable<T>
    {
        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
            new TracedEnumerator<T>(tracer, source, name, reduce, inputs(), options, cancellationToken);
    }

    private sealed class TracedEnumerator<T>(
        LangSmithTracer tracer,
        Func<IAsyncEnumerable<T>> source,
        string name,
        Func<IReadOnlyList<T>, object?>? reduce,
        object? inputs,
        RunOptions? options,
        CancellationToken cancellationToken) : IAsyncEnumerator<T>
    {
        private readonly List<T> _elements = [];
        private readonly List<byte[]> _serialized = [];
        private int _count;
        private int _bytes;
        private RunTree? _run;
        private Ambient? _ambient;
        private IAsyncEnumerator<T>? _inner;

        public T Current => _inner is null ? default! : _inner.Current;

        // What an async method sets in the flow of execution ends with it: the caller keeps its own run between two steps.
        public async ValueTask<bool> MoveNextAsync()
        {
            using var entered = Enter();
            try
            {
                _inner ??= source().GetAsyncEnumerator(cancellationToken);
                if (!await _inner.MoveNextAsync().ConfigureAwait(false))
                {
                    End();
                    return false;
                }

                Keep(_inner.Current);
                return true;
            }
            catch (Exception exception)
            {
                Fail(exception);
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            using var entered = _run is null ? null : Enter();
            try
            {
                if (_inner is not null)
                    await _inner.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                Fail(exception);
                throw;
            }

            End();
        }

        private Ambient? Enter()
        {
            if (_run is not null)
                return _ambient is null ? null : Ambient.Reenter(_ambient);
            var scope = tracer.StartRun(name, inputs, options);
            _run = scope.Run;
            _ambient = scope.Ambient;
            return _ambient;
        }

        private void Keep(T element)
        {
            if (_run is not { IsRecorded: true, IsEnded: false })
                return;
            if (reduce is not null)
            {
                _elements.Add(element);
                return;
            }

            // A stream may be endless: of its elements as much is kept as of one payload.
            _count++;
            if (_serialized.Count < _count - 1)
                return;
            var json = tracer.Capture.Serialize(element);
            _bytes += json.Length;
            if (_bytes <= tracer.Capture.MaxBytes)
                _serialized.Add(json);
        }

        private void End()
        {
            if (_run is { IsRecorded: true, IsEnded: false })
                EndWith(_run, Reduce());
        }

        // The commonest end of a chat is a stream that breaks off: the elements read so far are recorded with the error.
        private void Fail(Exception exception)
        {
            if (_run is not { IsRecorded: true, IsEnded: false })
                return;
            if ((_count > 0 || _elements.Count > 0) && !_run.HasOutputs)
                _run.SetOutputs(Reduce());
            FailWith(_run, exception);
        }

        private object? Reduce()
        {
            object? outputs = null;
            if (reduce is null)
            {
                if (_serialized.Count < _count)
                {
                    tracer._faults.ReportCut(typeof(IAsyncEnumerable<T>).ToString(), tracer.Capture.MaxBytes);
                    _serialized.Add(PayloadSerializer.Serialize($"(cut: {_count} elements)"));
                }

                outputs = new JsonPayload(RawJson.Write(_serialized, static (writer, elements) =>
                {
                    writer.WriteStartArray();
                    foreach (var element in elements)
                        writer.WriteRaw(element);
                    writer.WriteEndArray();
                }));
            }
            else
            {
                tracer._faults.Guard(Fault.CallbackFailed, "reduce", this, stream => outputs = reduce(stream._elements));
            }

            return outputs;
        }
    }
}
