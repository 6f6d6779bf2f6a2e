using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http;

/// <summary>
/// Whose runs are continued, and how; set with
/// <see cref="LangSmithInboundServiceCollectionExtensions.AddLangSmithInbound"/>. They are code, and read once.
/// </summary>
/// <remarks>
/// What is read is bounded: <c>langsmith-trace</c> by 8192 characters (a depth of 138 runs of the SDKs' format),
/// <c>baggage</c> by 64 lines and 32768 characters. What is larger is no parent, and counted.
/// </remarks>
public sealed class LangSmithInboundOptions
{
    /// <summary>Whose runs are continued.</summary>
    /// <value>No default: without a rule or <see cref="InboundTrust.Nobody"/>, <c>UseLangSmithTracing()</c> refuses to start.</value>
    public InboundTrust Trust { get; } = new();

    /// <summary>
    /// Whether a trusted caller's project, or agent address, is taken over. Switched off, runs of this service go to the
    /// service's own project although their parents are in the caller's: that splits the trace.
    /// </summary>
    /// <value>Default: true.</value>
    public bool AcceptProject { get; set; } = true;

    /// <summary>
    /// The projects, or agent addresses, a trusted caller may name. Runs of a caller that names another go to the service's
    /// own project: that splits the trace.
    /// </summary>
    /// <value>Default: null, any. Compared exactly, an address in lower case.</value>
    public IReadOnlyCollection<string>? AllowedProjects { get; set; }

    /// <summary>
    /// Whether each request becomes a run: named by method and route template, with <c>status_code</c> in its outputs and
    /// the exception, if one was thrown. Requests of endpoints that ignore their caller's run do not. Put
    /// <c>UseLangSmithTracing()</c> outside <c>UseExceptionHandler()</c>: of an exception that passes it, it can only say the
    /// status code the server answers.
    /// </summary>
    /// <value>Default: false.</value>
    public bool StartRunPerRequest { get; set; }

    internal bool IsAccepted(RunContext caller) =>
        (caller.Project ?? caller.Address) is not { } destination
        || (AcceptProject && AllowedProjects?.Contains(destination, StringComparer.Ordinal) != false);
}
