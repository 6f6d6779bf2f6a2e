using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>A run that is current until the scope is disposed, which ends it. See <see cref="LangSmithTracer.StartRun"/>.</summary>
public sealed class RunScope : IDisposable
{
    private readonly Ambient.Scope _scope;

    /// <summary>A scope; <paramref name="scope"/> is the default where nothing was changed.</summary>
    internal RunScope(RunTree run, Ambient.Scope scope)
    {
        Run = run;
        _scope = scope;
    }

    /// <summary>The scope of a run nobody records.</summary>
    internal static RunScope NotRecorded { get; } = new(RunTree.NotRecorded, default);

    /// <summary>The scope of a run below one that was sampled out.</summary>
    internal static RunScope NotSampled { get; } = new(RunTree.NotSampled, default);

    /// <summary>The scope of a run where tracing is off.</summary>
    internal static RunScope Off { get; } = new(RunTree.Off, default);

    /// <summary>The run.</summary>
    public RunTree Run { get; }

    /// <summary>What is current inside.</summary>
    internal Ambient.Scope Ambient => _scope;

    /// <summary>
    /// Ends the run, if it is open, and restores what was current before. It cannot see an exception that leaves the
    /// <c>using</c> block: call <see cref="RunTree.Fail(Exception)"/>, or use <c>Run</c> and <c>RunAsync</c>, which do.
    /// </summary>
    public void Dispose()
    {
        Run.EndIfOpen();
        _scope.Dispose();
    }
}
