using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Runs;

/// <summary>What the tracer counts.</summary>
internal static class RunTelemetry
{
    internal static readonly ReasonCounter<RunResult> Runs = new(
        "langsmith.http.runs", "{run}", "Runs started by what became of them (tag: result).", "result");
}

/// <summary>What became of a run that was started.</summary>
internal enum RunResult
{
    Recorded,
    NotSampled,
    PassedThrough,
    Off,
    TooDeep,
}
