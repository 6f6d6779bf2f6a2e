using System.ComponentModel;
using System.Text.Json;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;
using LangSmith.Http.Runs.Capture;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace LangSmith.Http;

/// <summary>
/// Starts runs. Registered by <c>AddLangSmith()</c>; without a container make one with the constructor. Thread-safe, one
/// for the whole application.
/// </summary>
/// <remarks>
/// Own runs are created while <see cref="LangSmithOptions.Enabled"/> is true, tracing is switched on and there is an
/// <see cref="IRunRecorder"/>. Otherwise every method still runs what it is given, and costs next to nothing.
/// </remarks>
/// <example>
/// <code>
/// var answer = await tracer.RunAsync("ask", async run =>
/// {
///     run.AddMetadata("user", userId);
///     return await answers.AskAsync(question);   // both headers are on the request
/// }, inputs: new { question });
/// </code>
/// </example>
public sealed partial class LangSmithTracer
{
    // Weak, because it holds the tracer and its recorder.
    private static readonly WeakReference<RunCapture?> Latest = new(null);

    private const string Withheld = "(withheld: processing failed)";

    private readonly TracingState _state;
    private readonly IRunRecorder? _recorder;
    private readonly FaultLog _faults;
    private readonly ILogger _logger;
    private readonly LogThrottle _depth = new();

    /// <summary>Makes a tracer without a container.</summary>
    /// <param name="recorder">Who is told of runs; null means nobody, so that callers' headers are only passed through.</param>
    /// <param name="options">How runs are traced; null means the defaults, which ask the environment.</param>
    /// <param name="redactor">Takes secrets out of runs; null means none.</param>
    /// <param name="timeProvider">The clock; null means the system's.</param>
    /// <param name="logger">Where faults are logged; null means nowhere.</param>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithTracer(
        IRunRecorder? recorder,
        LangSmithOptions? options = null,
        IRunRedactor? redactor = null,
        TimeProvider? timeProvider = null,
        ILogger<LangSmithTracer>? logger = null)
        : this(
            new TracingState(Validated(options ?? new LangSmithOptions())),
            recorder,
            redactor,
            timeProvider ?? TimeProvider.System,
            QuietLogger.Wrap(logger))
    {
        foreach (var warning in _state.Warnings)
            Log.ConfigurationWarning(QuietLogger.Wrap(logger), warning);
    }

    internal LangSmithTracer(TracingState state, IRunRecorder? recorder, IRunRedactor? redactor, TimeProvider timeProvider, ILogger logger)
    {
        _state = state;
        _recorder = recorder;
        _faults = new FaultLog(logger);
        Capture = new RunCapture(redactor, () => (_state.Json, _state.MaxPayloadBytes), _faults);
        Latest.SetTarget(Capture);
        Clock = new RunClock(timeProvider);
        _logger = QuietLogger.Wrap(logger);
        if (recorder is null && state is { IsEnabled: true, IsTracing: true })
            Log.NoRecorder(_logger);
        else if (recorder is not null && state is { IsEnabled: true, IsTracing: false })
            Log.NotTracing(_logger);
    }

    internal IRunRecorder? Recorder => _recorder;

    internal RunClock Clock { get; }

    internal RunCapture Capture { get; }

    /// <summary>The capture of the tracer that was made last, which in most processes is the only one.</summary>
    internal static RunCapture LatestCapture => Latest.TryGetTarget(out var latest)
        ? latest
        : new RunCapture(
            null, static () => (TracingState.OfProcess.Json, TracingState.OfProcess.MaxPayloadBytes), new FaultLog(NullLogger.Instance));

    /// <summary>
    /// Starts a run that is current until the returned scope is disposed; for code that <see cref="RunAsync{TResult}"/>
    /// does not fit.
    /// </summary>
    /// <param name="name">What the run is called; without a name <c>Unnamed</c>, as in Python.</param>
    /// <param name="inputs">The inputs, serialised now. What is not an object becomes <c>{"input": …}</c>.</param>
    /// <param name="options">More about the run; null means the defaults.</param>
    /// <returns>The scope; dispose it in the method that called this.</returns>
    /// <remarks>
    /// Disposing ends the run, but a <c>using</c> statement cannot see an exception: without a call of
    /// <see cref="RunTree.Fail(Exception)"/> a run that threw looks like one that went well.
    /// </remarks>
    public RunScope StartRun(string name, object? inputs = null, RunOptions? options = null)
    {
        var ambient = Ambient.Current;
        if (!_state.IsEnabled || ambient is { Enabled: false })
        {
            RunTelemetry.Runs.Add(RunResult.Off);
            return RunScope.Off;
        }

        var given = options?.Parent ?? RunParent.Current;
        if (_recorder is null || !(ambient?.Enabled ?? _state.IsTracing))
            return PassThrough(RunResult.PassedThrough, given);

        var chosen = !given.IsCurrent ? given : ambient?.ParentFor(_recorder) ?? RunParent.None;
        // A run of another recorder never arrives where this one goes: it is named, but is no parent.
        var other = chosen.Run is { } local && !local.IsRecordedBy(_recorder) ? local : null;
        if (other is not null)
            chosen = RunParent.None;
        var parent = chosen.Context;
        if (parent is { IsSampled: false })
            return SampledOut(parent, given.IsCurrent);
        // Decided by the trace's id, at the local root: a trace that is begun elsewhere at the same rate is dropped here as there.
        if (parent is not null && chosen.Run is null && !ShouldRecord(parent.TraceId))
            return PassThrough(RunResult.NotSampled, given);

        var start = chosen.Run?.Tree!.NextStart() ?? Clock.NextStart(parent);
        var id = RunClock.NewId(start);
        var isRecorded = parent is not null || ShouldRecord(id);
        if (!isRecorded && !_state.ForwardSampledOutTraces)
            return SampledOut(RunContext.NotSampled, isCurrent: false);

        var project = parent?.Address is not null ? null : parent?.Project ?? ambient?.Project;
        var address = parent?.Address;
        if (project is null && address is null)
            (project, address) = (_state.Project, _state.Address);
        var order = DottedOrder.Append(parent?.DottedOrder, start, id);
        if (order.Length > DottedOrder.MaxLength)
            return TooDeep(given);
        var identity = new RunIdentity(parent?.TraceId ?? id, id, parent?.RunId, order, start, project, address);
        if (!isRecorded)
            return SampledOut(RunContext.SampledOut(identity), isCurrent: false);

        var continuesCurrent = given.IsCurrent && chosen.Run is not null && chosen.Run == ambient?.Run;
        var metadata = MetadataOf(chosen, continuesCurrent ? ambient!.MetadataSinceRun : ambient?.Metadata, other, options);
        var started = new RunSnapshot(identity, string.IsNullOrWhiteSpace(name) ? "Unnamed" : name)
        {
            RunType = options?.RunType ?? RunTypes.Chain,
            Tags = TagsOf(chosen, ambient, options),
            Metadata = metadata.All,
        };
        var payload = InputsOf(inputs, options);
        var tree = chosen.Run?.Tree is { } shared && shared.Tracer == this ? shared : new LocalTree(this, start);
        var run = new RunTree(tree, started, metadata, payload);
        RunTelemetry.Runs.Add(RunResult.Recorded);
        var recorded = payload is null ? started : started with { InputsJson = payload };
        _faults.Guard(
            Fault.RecorderFailed, "IRunRecorder.OnStart", (_recorder, recorded), static state => state._recorder.OnStart(state.recorded));
        return run.EnterScope(Ambient.EnterStarted(run));
    }

    /// <summary>
    /// Runs a function as a run: its result becomes the outputs, unless the function called <see cref="RunTree.SetOutputs"/>. An
    /// exception is recorded and rethrown untouched.
    /// </summary>
    /// <typeparam name="TResult">The result's type.</typeparam>
    /// <param name="name">What the run is called; without a name <c>Unnamed</c>, as in Python.</param>
    /// <param name="func">The function; it is given the run.</param>
    /// <param name="inputs">The inputs, serialised now. What is not an object becomes <c>{"input": …}</c>.</param>
    /// <param name="options">More about the run; null means the defaults.</param>
    /// <returns>What the function returns.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="func"/> is null.</exception>
    public Task<TResult> RunAsync<TResult>(string name, Func<RunTree, Task<TResult>> func, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(func);
        return Core();

        async Task<TResult> Core()
        {
            using var scope = StartRun(name, inputs, options);
            try
            {
                var result = await func(scope.Run).ConfigureAwait(false);
                EndWith(scope.Run, result, options);
                return result;
            }
            catch (Exception exception)
            {
                FailWith(scope.Run, exception);
                throw;
            }
        }
    }

    /// <inheritdoc cref="RunAsync{TResult}"/>
    public Task RunAsync(string name, Func<RunTree, Task> func, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(func);
        return Core();

        async Task Core()
        {
            using var scope = StartRun(name, inputs, options);
            try
            {
                await func(scope.Run).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                FailWith(scope.Run, exception);
                throw;
            }
        }
    }

    /// <inheritdoc cref="RunAsync{TResult}"/>
    public TResult Run<TResult>(string name, Func<RunTree, TResult> func, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(func);
        using var scope = StartRun(name, inputs, options);
        try
        {
            var result = func(scope.Run);
            EndWith(scope.Run, result, options);
            return result;
        }
        catch (Exception exception)
        {
            FailWith(scope.Run, exception);
            throw;
        }
    }

    /// <inheritdoc cref="RunAsync{TResult}"/>
    public void Run(string name, Action<RunTree> func, object? inputs = null, RunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(func);
        using var scope = StartRun(name, inputs, options);
        try
        {
            func(scope.Run);
        }
        catch (Exception exception)
        {
            FailWith(scope.Run, exception);
            throw;
        }
    }

    /// <summary>Not for use: the run would end before the task does.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("The run would end before the task does. Use RunAsync.", error: true)]
    public Task<TResult> Run<TResult>(string name, Func<RunTree, Task<TResult>> func, object? inputs = null, RunOptions? options = null) =>
        throw new NotSupportedException();

    /// <summary>Not for use: the run would end before the task does.</summary>
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("The run would end before the task does. Use RunAsync.", error: true)]
    public Task Run(string name, Func<RunTree, Task> func, object? inputs = null, RunOptions? options = null) =>
        throw new NotSupportedException();

    /// <summary>Whether a run started here would be recorded, but for sampling.</summary>
    internal bool IsRecording =>
        _recorder is not null && _state.IsEnabled && (Ambient.Current?.Enabled ?? _state.IsTracing);

    /// <summary>An exception as LangSmith shows it: type and message, a blank line, the stack.</summary>
    /// <remarks>Message and ToString() can be overridden, and can throw. Then the type is still known.</remarks>
    internal static string Describe(Exception exception) => NeverThrow.Run(
        exception,
        static exception =>
        {
            var text = $"{exception.GetType().FullName}: {exception.Message}\n\n{exception.StackTrace}";
            return exception.InnerException is { } inner ? $"{text}\n\nCaused by: {inner}" : text;
        },
        fallback: exception.GetType().FullName ?? exception.GetType().Name,
        out _);

    internal void NotifyEnd(RunSnapshot run) =>
        _faults.Guard(Fault.RecorderFailed, "IRunRecorder.OnEnd", (_recorder, run), static state => state._recorder?.OnEnd(state.run));

    private bool ShouldRecord(Guid traceId) => _faults.Guard(
        Fault.RecorderFailed,
        "IRunRecorder.ShouldRecord",
        (_recorder, traceId),
        static state => state._recorder!.ShouldRecord(state.traceId),
        fallback: false);

    // Ending must not fail the call that went well. Outputs that were set win over the result.
    private void EndWith(RunTree run, object? result, RunOptions? options)
    {
        if (run.IsRecorded && !run.IsEnded)
            run.End(run.HasOutputs ? null : Process(result, options?.ProcessOutputs, "RunOptions.ProcessOutputs"));
    }

    private static void FailWith(RunTree run, Exception exception)
    {
        if (run.IsRecorded && !run.IsEnded)
            run.Fail(exception);
    }

    // Whatever the run would have continued is what is passed on.
    private static RunScope PassThrough(RunResult result, RunParent given)
    {
        RunTelemetry.Runs.Add(result);
        return given.IsCurrent ? RunScope.NotRecorded
            : RunTree.StandIn(null, given.Run is { } run ? Ambient.EnterRun(run) : Ambient.EnterParent(given.Context));
    }

    private RunScope SampledOut(RunContext context, bool isCurrent)
    {
        RunTelemetry.Runs.Add(RunResult.NotSampled);
        if (!isCurrent)
            return RunTree.StandIn(context, Ambient.EnterSampledOut(context, _recorder!));
        return ReferenceEquals(context, RunContext.NotSampled) ? RunScope.NotSampled : RunTree.StandIn(context, default);
    }

    private RunScope TooDeep(RunParent given)
    {
        if (_depth.TryPass())
            Log.TooDeep(_logger, DottedOrder.MaxLength);
        return PassThrough(RunResult.TooDeep, given);
    }

    private static LangSmithOptions Validated(LangSmithOptions options)
    {
        var errors = options.FindErrors();
        if (!options.Notes.IsConfigured && options is { Project: null, AgentAddress: null })
            errors.AddRange(TracingState.ReadProcess().FindErrors());
        return errors.Count == 0 ? options : throw new ArgumentException(string.Join(' ', errors), nameof(options));
    }

    private string[] TagsOf(RunParent parent, Ambient? ambient, RunOptions? options)
    {
        // Tags come down from another process, but not from a run in this one.
        var inherited = parent.Run is null ? parent.Context?.Tags ?? [] : [];
        var surrounding = ambient?.Tags ?? [];
        var own = Capture.Given(options?.Tags, "RunOptions.Tags");
        return inherited.Count + surrounding.Count + own.Length == 0 ? [] : Capture.Tags(inherited.Concat(surrounding).Concat(own));
    }

    private RunMetadata MetadataOf(RunParent parent, IReadOnlyDictionary<string, JsonElement>? surrounding, RunTree? other, RunOptions? options)
    {
        var inherited = parent.Context?.Metadata ?? RunContext.NoMetadata;
        var given = Capture.Given(options?.Metadata, "RunOptions.Metadata");
        var givenOwn = Capture.Given(options?.OwnMetadata, "RunOptions.OwnMetadata");
        var isLocal = parent.Run is not null;
        if ((isLocal || inherited.Count == 0) && surrounding is not { Count: > 0 } && given.Length + givenOwn.Length == 0 && other is null)
            return new RunMetadata(inherited, null);

        // The redactor has not seen yet what another process sent, what is in scope, and what the run brings along.
        var added = isLocal ? [] : new Dictionary<string, JsonElement>(RunMetadata.HandedDown(inherited));
        foreach (var (key, value) in surrounding ?? RunContext.NoMetadata)
            added[key] = value;
        Add(added, given);
        var own = new Dictionary<string, JsonElement>();
        foreach (var key in added.Keys.Where(RunMetadata.IsFact).ToArray())
        {
            own[key] = added[key];
            added.Remove(key);
        }

        if (other is not null)
            Add(own, [new("other_tracer_trace_id", other.TraceId.ToString()), new("other_tracer_run_id", other.Id.ToString())]);
        Add(own, givenOwn);
        return new RunMetadata(Over(isLocal ? inherited : RunContext.NoMetadata, Redacted(added)), own.Count == 0 ? null : Redacted(own));

        void Add(Dictionary<string, JsonElement> metadata, KeyValuePair<string, object?>[] more)
        {
            foreach (var (key, value) in more)
            {
                if (key is null)
                    Telemetry.Count(Fault.BadArgument);
                else
                    metadata[key] = RawJson.Parse(Capture.Serialize(value));
            }
        }

        IReadOnlyDictionary<string, JsonElement> Redacted(Dictionary<string, JsonElement> metadata) =>
            metadata.Count == 0 ? RunContext.NoMetadata : Capture.Metadata(metadata) ?? RunContext.NoMetadata;

        static IReadOnlyDictionary<string, JsonElement> Over(IReadOnlyDictionary<string, JsonElement> inherited, IReadOnlyDictionary<string, JsonElement> added) =>
            inherited.Count == 0 ? added
            : added.Count == 0 ? inherited
            : new RunMetadata(inherited, added).All;
    }

    // Inputs that are a payload already were processed when the function was called.
    private JsonPayload? InputsOf(object? inputs, RunOptions? options) =>
        Capture.Inputs(inputs is JsonPayload ? inputs : Process(inputs, options?.ProcessInputs, "RunOptions.ProcessInputs"));

    private object? Process(object? value, Func<object?, object?>? process, string name) => process is null
        ? value
        : _faults.Guard(Fault.CallbackFailed, name, (process, value), static state => state.process(state.value), Withheld);
}
