namespace LangSmith.Http;

/// <summary>A request is refused as LangSmith would refuse it, with words for the person who sent it.</summary>
internal sealed class IngestException(int statusCode, string code, string message) : Exception(message)
{
    internal int StatusCode { get; } = statusCode;

    internal string Code { get; } = code;

    /// <summary>The run that is to blame, where one is known.</summary>
    internal RunWrite? Run { get; init; }

    internal static IngestException Malformed(string message) => new(StatusCodes.Unprocessable, "request_malformed", message);

    /// <summary>The same, of a run: a batch has many.</summary>
    internal IngestException Of(RunWrite run) => new(StatusCode, Code, $"{RunValidator.Name(run)}: {Message}") { Run = run };

    internal static class StatusCodes
    {
        internal const int BadRequest = 400;
        internal const int TooLarge = 413;
        internal const int UnsupportedMediaType = 415;
        internal const int Unprocessable = 422;
    }
}
