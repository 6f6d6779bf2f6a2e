using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>
/// What runs started here continue and inherit; the counterpart of Python's <c>tracing_context</c> and TypeScript's
/// <c>withRunTree</c>. It follows the flow of execution like <see cref="System.Diagnostics.Activity.Current"/>: into
/// <c>await</c>, <see cref="Task.Run(Action)"/> and <c>Parallel.ForEachAsync</c>, not through
/// <see cref="ExecutionContext.SuppressFlow"/>.
/// </summary>
/// <remarks>
/// Every method sets the state at once and returns a scope; dispose it, with <c>using</c>, in the method that made it.
/// The scope restores what was current before it, and may be disposed twice.
/// </remarks>
public static class TracingContext
{
    /// <summary>
    /// Makes a run of another process the parent of what is started inside the scope, and the run that outbound headers
    /// name as long as no own run is current.
    /// </summary>
    /// <param name="parent">
    /// The run, usually from <see cref="RunContext.TryExtract"/>; null clears the current run and parent, so that what
    /// is started inside is a root. Only hand over what a caller you trust has sent.
    /// </param>
    /// <returns>The scope.</returns>
    public static IDisposable UseParent(RunContext? parent) => Ambient.EnterParent(parent);

    /// <summary>
    /// Makes a run of another process the parent of what a stream starts, on every one of its steps; for streaming hubs and server-sent
    /// events. In an <c>async</c> iterator a <c>using</c> of <see cref="UseParent(RunContext?)"/> holds until the first <c>yield</c> only.
    /// </summary>
    /// <example>
    /// <code>
    /// public IAsyncEnumerable&lt;string&gt; Answer(string question) => TracingContext.UseParent(_caller, AnswerCore(question));
    /// </code>
    /// </example>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="parent">The run; null clears the current run and parent.</param>
    /// <param name="stream">The stream.</param>
    /// <returns>The same elements. Between two steps the reader has what it had.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    public static IAsyncEnumerable<T> UseParent<T>(RunContext? parent, IAsyncEnumerable<T> stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new ReenteredStream<T>(stream, () => Ambient.EnterParent(parent));
    }

    /// <summary>
    /// Makes a run of this process current again, in a flow of execution that lost it or never had it; the counterpart of
    /// <c>withRunTree</c> for a local run. The run is not ended with the scope.
    /// </summary>
    /// <param name="run">The run; null, or one that is not recorded, changes nothing but what a sampled-out run does.</param>
    /// <returns>The scope.</returns>
    public static IDisposable UseRun(RunTree? run) => EnterRun(run);

    /// <summary>
    /// Makes a run of this process current on every step of a stream; as <see cref="UseParent{T}(RunContext?, IAsyncEnumerable{T})"/> for a run
    /// of <see cref="LangSmithTracer.StartRun"/>. To trace the stream itself use <c>TraceStream</c>.
    /// </summary>
    /// <typeparam name="T">The type of the elements.</typeparam>
    /// <param name="run">The run; null changes nothing. It is not ended with the stream.</param>
    /// <param name="stream">The stream.</param>
    /// <returns>The same elements. Between two steps the reader has what it had.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="stream"/> is null.</exception>
    public static IAsyncEnumerable<T> UseRun<T>(RunTree? run, IAsyncEnumerable<T> stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new ReenteredStream<T>(stream, () => EnterRun(run));
    }

    /// <summary>
    /// Sets what runs started inside the scope get. A value that is not given stays as it is; tags and metadata are
    /// added to those of the scope around.
    /// </summary>
    /// <param name="project">The project of traces that start here. A run that continues another keeps that one's.</param>
    /// <param name="tags">Tags of every run started inside.</param>
    /// <param name="metadata">
    /// Metadata of every run started inside; over what is inherited, under what a run adds itself. Values are serialised
    /// here, as the current run's tracer does it, else the tracer that was made last.
    /// </param>
    /// <param name="enabled">
    /// False switches tracing off inside: no runs, no headers. True records although <c>LANGSMITH_TRACING</c> is not
    /// set; it does not override <see cref="LangSmithOptions.Enabled"/> or a scope around that is off.
    /// </param>
    /// <returns>The scope.</returns>
    public static IDisposable With(
        string? project = null,
        IEnumerable<string>? tags = null,
        IEnumerable<KeyValuePair<string, object?>>? metadata = null,
        bool? enabled = null) =>
        Ambient.EnterWith(
            string.IsNullOrWhiteSpace(project) ? null : project,
            tags?.Where(static tag => !string.IsNullOrEmpty(tag)).ToArray() ?? [],
            metadata is null ? RunContext.NoMetadata : (RunTree.Current?.Capture ?? LangSmithTracer.LatestCapture).SerializeAll(metadata),
            enabled);

    /// <summary>
    /// Clears everything: work begun inside the scope starts with no run, parent, tags or metadata, as if no request
    /// were around it. Runs started in it are roots.
    /// </summary>
    /// <remarks>
    /// Start long-lived consumers (queue readers, timers, caches that refresh themselves) inside it: otherwise they
    /// capture the run of whichever request happened to start them, and keep it for ever.
    /// </remarks>
    /// <returns>The scope.</returns>
    public static IDisposable Suppress() => Ambient.EnterNothing();

    private static Ambient.Scope EnterRun(RunTree? run) => run switch
    {
        { IsRecorded: true } => Ambient.EnterRun(run),
        { IsSampledOut: true } => Ambient.EnterParent(run.Context),
        _ => Ambient.EnterSame(),
    };
}
