using System.Text.Json;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Tracers that record whatever the environment says, and remote parents for them.</summary>
internal static class Recording
{
    internal const string RemoteTraceId = "018bcfe5-687b-7000-8000-000000000001";
    internal const string RemoteRunId = "018bcfe5-6c63-7000-8000-000000000002";

    internal const string RemoteDottedOrder =
        "20231114T221320123456Z" + RemoteTraceId + ".20231114T221321123456Z" + RemoteRunId;

    internal static LangSmithTracer Tracer(
        IRunRecorder? recorder, TimeProvider? time = null, IRunRedactor? redactor = null, string? project = "own", ListLogger? logger = null) =>
        new(recorder, new LangSmithOptions { Tracing = true, Project = project }, redactor, time, logger);

    /// <summary>What a trusted caller sent.</summary>
    internal static RunContext Remote(string? baggage = null, string dottedOrder = RemoteDottedOrder)
    {
        var headers = new Dictionary<string, string> { ["langsmith-trace"] = dottedOrder };
        if (baggage is not null)
            headers["baggage"] = baggage;
        return RunContext.FromHeaders(headers) ?? throw new ArgumentException("Not believed: " + dottedOrder, nameof(dottedOrder));
    }

    /// <summary>What a trusted caller sends of a trace it does not record.</summary>
    internal static RunContext RemoteNotSampled() =>
        RunContext.FromHeaders(new Dictionary<string, string> { ["baggage"] = "langsmith-sampled=0" })!;

    /// <summary>The one run of that name.</summary>
    internal static RunSnapshot Single(this InMemoryRunRecorder recorder, string name) =>
        recorder.Runs.Single(run => run.Name == name);

    internal static string? Text(this JsonElement? json) => json?.GetRawText();
}
