using LangSmith.Http.Collector.Validation;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Collector.Model;

/// <summary>A request is refused as LangSmith would refuse it, with words for the person who sent it.</summary>
internal sealed class IngestException(int statusCode, string code, string message) : Exception(message)
{
    internal int StatusCode { get; } = statusCode;

    internal string Code { get; } = code;

    /// <summary>The run that is to blame, where one is known.</summary>
    internal RunWrite? Run { get; init; }

    internal static IngestException Malformed(string message) => new(StatusCodes.Status422UnprocessableEntity, "request_malformed", message);

    /// <summary>The same, of a run: a batch has many.</summary>
    internal IngestException Of(RunWrite run) => new(StatusCode, Code, $"{RunValidator.Name(run)}: {Message}") { Run = run };
}
