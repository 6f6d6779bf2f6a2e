using LangSmith.Http.Diagnostics;
using LangSmith.Http.Runs;

namespace LangSmith.Http;

public sealed partial class LangSmithTracer
{
    /// <summary>
    /// Traces a stream: the run starts when it is enumerated, is current again on every step of the source, and ends once: on
    /// completion, on <c>break</c>, or with an exception. If the stream breaks off, what was read is recorded with the error.
    /// </summary>
    /// <remarks>
    /// Of the elements as much is kept as of one payload (<see cref="LangSmithOptions.MaxPayloadBytes"/>), each counted with 64 bytes or, if it is
    /// text or bytes, with its size. What is over it is left out, counted (<c>langsmith.http.faults</c>, <c>kind=payload_cut</c>) and named in
    /// the metadata <c>elements_left_out</c>. For a stream that may be longer use the overload with <c>accumulate</c>. A run of the type
    /// <see cref="RunTypes.Llm"/> gets the event <c>new_token</c> at its first element that is neither null nor empty.
    /// </remarks>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="source">The stream. In it <see cref="RunTree.Current"/> is the run.</param>
    /// <param name="name">What the run is called.</param>
    /// <param name="reduce">Makes the outputs of the elements that were read. Null means the elements themselves, each serialised as it passes.</param>
    /// <param name="inputs">The inputs, serialised when the run starts.</param>
    /// <param name="options">More about the run; null means the defaults.</param>
    /// <returns>The same elements. Each enumeration is a run of its own.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    public IAsyncEnumerable<T> TraceStream<T>(
        IAsyncEnumerable<T> source, string name, Func<IReadOnlyList<T>, object?>? reduce = null, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new TracedStream<T>(this, () => source, name, () => ListOutputs(reduce, options), () => inputs, options);
    }

    /// <summary>Traces a stream of any length: of its elements only what <paramref name="accumulate"/> makes of them is kept.</summary>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <typeparam name="TState">The type of what is kept.</typeparam>
    /// <param name="source">The stream. In it <see cref="RunTree.Current"/> is the run.</param>
    /// <param name="name">What the run is called.</param>
    /// <param name="seed">Makes what an enumeration begins with.</param>
    /// <param name="accumulate">Adds an element. What it returned last is the outputs. If it throws, there are none.</param>
    /// <param name="inputs">The inputs, serialised when the run starts.</param>
    /// <param name="options">More about the run; null means the defaults.</param>
    /// <returns>The same elements. Each enumeration is a run of its own.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/>, <paramref name="seed"/> or <paramref name="accumulate"/> is null.</exception>
    public IAsyncEnumerable<T> TraceStream<T, TState>(
        IAsyncEnumerable<T> source, string name, Func<TState> seed, Func<TState, T, TState> accumulate, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(seed);
        ArgumentNullException.ThrowIfNull(accumulate);
        return new TracedStream<T>(this, () => source, name, () => new StreamOutputs<T>.State<TState>(seed, accumulate), () => inputs, options);
    }

    private StreamOutputs<T> ListOutputs<T>(Func<IReadOnlyList<T>, object?>? reduce, RunOptions? options) =>
        reduce is null && options?.ProcessOutputs is null ? new StreamOutputs<T>.Json(Capture) : new StreamOutputs<T>.Elements(reduce, Capture.MaxBytes);

    private sealed class TracedStream<T>(
        LangSmithTracer tracer,
        Func<IAsyncEnumerable<T>> source,
        string name,
        Func<StreamOutputs<T>> outputs,
        Func<object?> inputs,
        RunOptions? options) : IAsyncEnumerable<T>
    {
        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
            new TracedEnumerator<T>(tracer, source, name, outputs, inputs(), options, cancellationToken);
    }

    private sealed class TracedEnumerator<T>(
        LangSmithTracer tracer,
        Func<IAsyncEnumerable<T>> source,
        string name,
        Func<StreamOutputs<T>> makeOutputs,
        object? inputs,
        RunOptions? options,
        CancellationToken cancellationToken) : IAsyncEnumerator<T>
    {
        private StreamOutputs<T>? _outputs;
        private bool _hasContent;
        private RunScope? _scope;
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
            using var entered = _scope is null ? default : Enter();
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

        private RunTree? OpenRun => _scope?.Run is { IsRecorded: true, IsEnded: false } run ? run : null;

        private Ambient.Scope Enter()
        {
            if (_scope is not null)
                return _scope.Ambient.Reenter();
            _scope = tracer.StartRun(name, inputs, options);
            return _scope.Ambient;
        }

        private void Keep(T element)
        {
            if (OpenRun is not { } run)
                return;
            if (!_hasContent && StreamOutputs<T>.HasContent(element))
            {
                _hasContent = true;
                if (run.RunType == RunTypes.Llm)
                    run.AddEvent("new_token");
            }

            tracer._faults.Guard(
                Fault.CallbackFailed, "accumulate", (Outputs: _outputs ??= makeOutputs(), element), static state => state.Outputs.Add(state.element));
        }

        private void End()
        {
            if (OpenRun is { } run)
                tracer.EndWith(run, Outputs(run), options);
        }

        // The commonest end of a chat is a stream that breaks off: the elements read so far are recorded with the error.
        private void Fail(Exception exception)
        {
            if (OpenRun is not { } run)
                return;
            if (_outputs is not null && !run.HasOutputs)
                run.SetOutputs(tracer.Process(Outputs(run), options?.ProcessOutputs, "RunOptions.ProcessOutputs"));
            FailWith(run, exception);
        }

        private object? Outputs(RunTree run)
        {
            var outputs = _outputs ??= makeOutputs();
            if (outputs.LeftOut > 0)
            {
                tracer._faults.ReportCut(typeof(IAsyncEnumerable<T>).ToString(), tracer.Capture.MaxBytes);
                run.AddMetadata("elements_left_out", outputs.LeftOut, inherit: false);
            }

            return tracer._faults.Guard(Fault.CallbackFailed, "reduce", outputs, static outputs => outputs.Result(), null);
        }
    }
}
