using System.Text.Json;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

/// <summary>
/// A run that is being written. Made by <see cref="LangSmithTracer"/>; thread-safe. It ends once: the first
/// <see cref="End"/> or <see cref="Fail(Exception)"/> counts, later edits are ignored and counted
/// (<c>langsmith.http.faults</c>, <c>kind=edit_after_end</c>).
/// </summary>
/// <remarks>
/// When a run ends, it hands inputs, outputs, error and events to its recorder and drops them; identity, metadata and tags
/// stay, because work that outlives the run may still attach to it. If a run is not recorded (tracing is off or only
/// passes through, or the trace was sampled out), every method does nothing and <see cref="IsRecorded"/> is false.
/// </remarks>
#pragma warning disable CA1001 // The scope is disposed by whoever called StartRun.
public sealed class RunTree
#pragma warning restore CA1001
{
    private static readonly RunSnapshot NoStart = new(RunIdentity.None with { }, "");

    private readonly LocalTree? _tree;

    // The run as it started, without payloads: those are dropped when it ends.
    private RunSnapshot _start;

    // Until the run ends.
    private RunScope? _scope;

    // Of a run that is not recorded, what outbound requests carry in its place; null means the current context.
    private RunContext? _context;
    private IReadOnlyDictionary<string, JsonElement> _metadata;
    private IReadOnlyDictionary<string, JsonElement>? _ownMetadata;
    private bool _isMetadataOwned;
    private string[] _tags;
    private List<RunEvent>? _events;
    private JsonPayload? _inputs;
    private bool _hasNewInputs;
    private JsonPayload? _outputs;
    private bool _isEnded;
    private long _endTicks;

    internal RunTree(LocalTree tree, RunSnapshot start, RunMetadata metadata, JsonPayload? inputs)
    {
        _tree = tree;
        _start = start;
        _tags = (string[])start.Tags;
        _metadata = metadata.Inherited;
        _ownMetadata = metadata.Own;
        _inputs = inputs;
    }

    private RunTree(RunContext? instead)
    {
        _context = instead;
        _start = NoStart;
        _tags = [];
        _metadata = RunContext.NoMetadata;
        _isEnded = true;
    }

    /// <summary>
    /// The run that is current in this flow of execution; null when there is none, none that is recorded, or tracing is off
    /// in a scope around (<see cref="TracingContext.With"/>).
    /// </summary>
    public static RunTree? Current => Ambient.Current is { Enabled: not false } ambient ? ambient.Run : null;

    /// <summary>The run that stands in where none is recorded.</summary>
    internal static RunTree NotRecorded { get; } = new(instead: null);

    /// <summary>The run that stands in where a trace was sampled out: whoever continues it is told so.</summary>
    internal static RunTree NotSampled { get; } = new(RunContext.NotSampled);

    /// <summary>The run that stands in where tracing is off: outbound requests carry nothing.</summary>
    internal static RunTree Off { get; } = new(RunContext.Nothing);

    private LangSmithTracer? Tracer => _tree?.Tracer;

    // One lock for what may change while others read it: an object that only this run's parts can reach.
    private RunIdentity Gate => _start.Identity;

    /// <summary>Whether a recorder receives this run.</summary>
    public bool IsRecorded => _tree is not null;

    /// <summary>Whether the run stands in for one of a trace that was sampled out.</summary>
    internal bool IsSampledOut => _tree is null && _context is { IsSampled: false };

    internal IRunRecorder? Recorder => Tracer?.Recorder;

    /// <summary>The clock and tracer it shares with the runs around it; null for a run that is not recorded.</summary>
    internal LocalTree? Tree => _tree;

    /// <summary>How its tracer serialises; null for a run that is not recorded.</summary>
    internal RunCapture? Capture => Tracer?.Capture;

    /// <summary>The run's id, a UUIDv7 whose time is <see cref="StartTime"/>.</summary>
    public Guid Id => _start.Id;

    /// <summary>The id of the trace's root run; equal to <see cref="Id"/> on a root.</summary>
    public Guid TraceId => _start.TraceId;

    /// <summary>The id of the parent, which may be in another process; null on a root.</summary>
    public Guid? ParentRunId => _start.ParentRunId;

    /// <summary>The path from the root to this run; ordinal order of dotted orders is the order of the tree.</summary>
    public string DottedOrder => _start.DottedOrder;

    /// <summary>What the run is called. It may be changed until the run ends; a blank name is ignored and counted.</summary>
    public string Name
    {
        get => Volatile.Read(ref _start).Name;
        set => SetStart(value, static (start, name) => start with { Name = name });
    }

    /// <summary>
    /// What kind of step it is, usually one of <see cref="RunTypes"/>. It may be changed until the run ends; a blank type is ignored and
    /// counted.
    /// </summary>
    public string RunType
    {
        get => Volatile.Read(ref _start).RunType;
        set => SetStart(value, static (start, type) => start with { RunType = type });
    }

    /// <summary>The project, inherited from the parent; null when the trace has an <see cref="Address"/> instead.</summary>
    public string? Project => _start.Project;

    /// <summary>The agent address inherited from the parent; null when the trace has a <see cref="Project"/>.</summary>
    public string? Address => _start.Address;

    /// <summary>When the run started, in UTC and whole microseconds; never before its parent.</summary>
    public DateTimeOffset StartTime => _start.StartTime;

    /// <summary>When the run ended, in UTC; null while it is open.</summary>
    public DateTimeOffset? EndTime
    {
        get
        {
            lock (Gate)
                return _endTicks == 0 ? null : new DateTimeOffset(_endTicks, TimeSpan.Zero);
        }
    }

    /// <summary>Whether the run has ended.</summary>
    public bool IsEnded
    {
        get
        {
            lock (Gate)
                return _isEnded;
        }
    }

    /// <summary>The inputs, an object; null when there are none, or the run has ended.</summary>
    public JsonElement? Inputs
    {
        get
        {
            lock (Gate)
                return _inputs?.Element;
        }
    }

    /// <summary>The outputs, an object; null when there are none, or the run has ended.</summary>
    public JsonElement? Outputs
    {
        get
        {
            lock (Gate)
                return _outputs?.Element;
        }
    }

    /// <summary>True if the open run has outputs.</summary>
    internal bool HasOutputs
    {
        get
        {
            lock (Gate)
                return _outputs is not null;
        }
    }

    /// <summary>What happened during the run; empty when nothing did, or the run has ended.</summary>
    public IReadOnlyList<RunEvent> Events
    {
        get
        {
            lock (Gate)
                return _events is null ? [] : [.. _events];
        }
    }

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> Tags
    {
        get
        {
            lock (Gate)
                return _tags;
        }
    }

    /// <summary>The metadata, inherited and own.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata
    {
        get
        {
            lock (Gate)
                return AllMetadata();
        }
    }

    /// <summary>
    /// The run's identity as it crosses processes, with the metadata and tags it has now. Where the run is not recorded,
    /// what outbound requests carry instead.
    /// </summary>
    public RunContext Context
    {
        get
        {
            if (_tree is null)
                return _context ?? (Ambient.Current is { Enabled: not false } ambient ? ambient.Context : null) ?? RunContext.Nothing;
            // Built once, and again when metadata or tags have changed.
            return Volatile.Read(ref _context) ?? BuildContext();
        }
    }

    /// <summary>
    /// The headers that carry this run, as <c>to_headers()</c> does in the other SDKs. Where the run is not recorded,
    /// those that outbound requests carry instead, or none.
    /// </summary>
    public IReadOnlyDictionary<string, string> ToHeaders() => Context.ToHeaders();

    /// <summary>Adds metadata to this run and to the runs started below it from now on; replaces a key that is there.</summary>
    /// <param name="key">The key; without one the value is ignored and counted.</param>
    /// <param name="value">
    /// The value, serialised now. All metadata travels to the services this process calls, unless
    /// <see cref="LangSmithPropagationOptions.PropagatedMetadataKeys"/> names what may.
    /// </param>
    /// <param name="inherit">
    /// False keeps it on this run: neither the runs below it nor the next service get it. So it is, without being asked, with what
    /// LangSmith counts or shows per run: <c>usage_metadata</c>, <c>ls_model_name</c> and the other <c>ls_*</c> keys of a model call.
    /// </param>
    public void AddMetadata(string key, object? value, bool inherit = true)
    {
        if (!CanEdit() || !IsUsable(key))
            return;
        var added = Tracer!.Capture.Metadata(key, value);
        if (added is not null)
            Edit(static (run, added) => run.AddMetadata(added.Values, added.Inherit), (Values: added, Inherit: inherit));
    }

    /// <summary>Adds tags to this run; the runs below it in this process do not inherit them.</summary>
    /// <param name="tags">
    /// The tags. Empty ones and ones that are there are left out. On the wire tags are joined by commas: a comma inside a
    /// tag makes two tags of it in the next service.
    /// </param>
    public void AddTags(params string[] tags)
    {
        if (!CanEdit() || !IsUsable(tags))
            return;
        Edit(static (run, added) =>
        {
            run._tags = [.. run._tags.Union(added)];
            run._context = null;
        }, Tracer!.Capture.Tags(tags));
    }

    /// <summary>Records that something happened, now.</summary>
    /// <param name="name">What happened; without a name the event is ignored and counted.</param>
    /// <param name="payload">More about it, serialised now; null when there is none.</param>
    public void AddEvent(string name, object? payload = null)
    {
        if (!CanEdit() || !IsUsable(name))
            return;
        var added = new RunEvent { Name = name, Time = new DateTimeOffset(_tree!.Now()), Json = Tracer!.Capture.Event(payload) };
        Edit(static (run, added) => (run._events ??= []).Add(added), added);
    }

    /// <summary>Sets the inputs, replacing those the run was started with.</summary>
    /// <param name="inputs">
    /// The inputs, serialised now. What is not an object becomes <c>{"input": …}</c>. Null clears them.
    /// </param>
    public void SetInputs(object? inputs)
    {
        if (CanEdit())
        {
            Edit(static (run, captured) =>
            {
                run._inputs = captured;
                run._hasNewInputs = true;
            }, Tracer!.Capture.Inputs(inputs));
        }
    }

    /// <summary>
    /// Sets the outputs without ending the run. They are kept if the function that made the run returns another value.
    /// </summary>
    /// <param name="outputs">
    /// The outputs, serialised now. What is not an object becomes <c>{"output": …}</c>. Null clears them.
    /// </param>
    public void SetOutputs(object? outputs)
    {
        if (CanEdit())
            Edit(static (run, captured) => run._outputs = captured, Tracer!.Capture.Outputs(outputs));
    }

    /// <summary>Ends the run.</summary>
    /// <param name="outputs">
    /// The outputs, serialised now. What is not an object becomes <c>{"output": …}</c>. Null keeps those set before.
    /// </param>
    public void End(object? outputs = null)
    {
        if (_tree is null)
            LeaveScope();
        else if (CanEdit() && !TryEnd(Tracer!.Capture.Outputs(outputs), null))
            Telemetry.Count(Fault.EditAfterEnd);
    }

    /// <summary>Ends the run with an error.</summary>
    /// <param name="exception">What was thrown. Its type, message and stack are recorded; it is not kept.</param>
    public void Fail(Exception exception)
    {
        if (_tree is null)
            LeaveScope();
        else if (CanEdit())
            FailWith(exception is null ? null : LangSmithTracer.Describe(exception));
    }

    /// <summary>Ends the run with an error.</summary>
    /// <param name="error">What went wrong.</param>
    public void Fail(string error)
    {
        if (_tree is null)
            LeaveScope();
        else if (CanEdit())
            FailWith(error);
    }

    /// <summary>The dotted order.</summary>
    public override string ToString() => DottedOrder;

    /// <summary>Ends the run if it is open, as disposing its scope does.</summary>
    internal void EndIfOpen()
    {
        if (_tree is not null && !IsEnded)
            TryEnd(null, null);
    }

    /// <summary>Ties the run to its scope, which its end leaves where it is current.</summary>
    internal RunScope EnterScope(Ambient.Scope entered) => _scope = new RunScope(this, entered);

    /// <summary>A run that stands in for one that is not recorded, in a scope of its own.</summary>
    internal static RunScope StandIn(RunContext? instead, Ambient.Scope entered) => new RunTree(instead).EnterScope(entered);

    /// <summary>Whether both are reported to one recorder, so that they may be parent and child.</summary>
    internal bool IsRecordedBy(IRunRecorder? recorder) => _tree is not null && ReferenceEquals(Recorder, recorder);

    private void LeaveScope()
    {
        var scope = _scope;
        _scope = null;
        scope?.Ambient.Leave();
    }

    private void FailWith(string? error)
    {
        if (!TryEnd(null, Tracer!.Capture.Error(error ?? "unknown error")))
            Telemetry.Count(Fault.EditAfterEnd);
    }

    /// <summary>The run as it is now.</summary>
    internal RunSnapshot Snapshot(string? error = null)
    {
        lock (Gate)
        {
            return _start with
            {
                EndTime = EndTime,
                InputsJson = _inputs,
                HasNewInputs = _hasNewInputs,
                OutputsJson = _outputs,
                Error = error,
                Events = _events is null ? [] : [.. _events],
                Tags = _tags,
                Metadata = AllMetadata(),
            };
        }
    }

    private bool TryEnd(JsonPayload? outputs, string? error)
    {
        var now = _tree!.Now();
        RunSnapshot ended;
        lock (Gate)
        {
            if (_isEnded)
                return false;
            _isEnded = true;
            _outputs = outputs ?? _outputs;
            _endTicks = Math.Max(now.Ticks, StartTime.UtcTicks);
            ended = Snapshot(error);
            _inputs = null;
            _outputs = null;
            _events = null;
        }

        Tracer!.NotifyEnd(ended);
        LeaveScope();
        return true;
    }

    // A missing argument is a mistake, but not one to fail a request for.
    private static bool IsUsable(object? argument)
    {
        if (argument is null)
            Telemetry.Count(Fault.BadArgument);
        return argument is not null;
    }

    // Checked before anything is serialised; what is decided counts under the lock.
    private bool CanEdit()
    {
        if (_tree is null)
            return false;
        if (!IsEnded)
            return true;
        Telemetry.Count(Fault.EditAfterEnd);
        return false;
    }

    private void Edit<TValue>(Action<RunTree, TValue> edit, TValue value)
    {
        lock (Gate)
        {
            if (_isEnded)
                Telemetry.Count(Fault.EditAfterEnd);
            else
                edit(this, value);
        }
    }

    private void AddMetadata(Dictionary<string, JsonElement> added, bool inherit)
    {
        foreach (var (key, value) in added)
        {
            if (!inherit || RunMetadata.IsFact(key))
            {
                _ownMetadata = new Dictionary<string, JsonElement>(_ownMetadata ?? RunContext.NoMetadata) { [key] = value };
                continue;
            }

            // Contexts, snapshots and children hold the dictionary they have seen.
            if (!_isMetadataOwned)
                _metadata = new Dictionary<string, JsonElement>(_metadata);
            _isMetadataOwned = true;
            ((Dictionary<string, JsonElement>)_metadata)[key] = value;
            _context = null;
            if (_ownMetadata?.ContainsKey(key) == true)
                _ownMetadata = _ownMetadata.Where(own => own.Key != key).ToDictionary();
        }
    }

    // Whoever is given the dictionary may keep it.
    private IReadOnlyDictionary<string, JsonElement> AllMetadata()
    {
        if (_ownMetadata is not null)
            return new RunMetadata(_metadata, _ownMetadata).All;
        _isMetadataOwned = false;
        return _metadata;
    }

    private void SetStart(string value, Func<RunSnapshot, string, RunSnapshot> change)
    {
        if (CanEdit() && IsUsable(string.IsNullOrWhiteSpace(value) ? null : value))
            Edit(static (run, set) => Volatile.Write(ref run._start, set.change(run._start, set.value)), (change, value));
    }

    private RunContext BuildContext()
    {
        lock (Gate)
        {
            _isMetadataOwned = false;
            return _context ??= new RunContext(_start.Identity, _tags, _metadata);
        }
    }
}
