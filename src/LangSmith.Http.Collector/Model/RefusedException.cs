namespace LangSmith.Http.Collector.Model;

/// <summary>Signals that LangSmith would refuse the request. <c>Ingest</c> maps the refusal's code to a status code.</summary>
internal sealed class RefusedException(Refusal refusal) : Exception(refusal.Message)
{
    internal const string MalformedCode = "request_malformed";

    internal RefusedException(string code, string message)
        : this(new Refusal(code, message))
    {
    }

    internal Refusal Refusal { get; } = refusal;

    internal static RefusedException Malformed(string message) => new(MalformedCode, message);

    /// <summary>Returns the same refusal, with the run that causes it.</summary>
    internal RefusedException Of(Guid runId, Guid? traceId, string? runName) => new(Refusal with
    {
        Message = $"{RunLabel.Of(runName, runId)}: {Message}",
        TraceId = traceId,
        RunId = runId,
        RunName = RunLabel.Shorten(runName),
    });

    internal RefusedException Of(RunWrite write) => Of(write.Run.Id, write.TraceId, write.Name);
}
