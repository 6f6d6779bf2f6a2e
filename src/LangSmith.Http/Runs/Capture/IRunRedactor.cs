using System.Text.Json;

namespace LangSmith.Http;

/// <summary>
/// Takes secrets out of runs. It sees every part of a run when the part is handed over, before it can reach a header or
/// an <see cref="IRunRecorder"/>: there is no other way out.
/// </summary>
/// <remarks>
/// If it throws, the part is withheld (a placeholder for inputs, outputs and errors; metadata and tags are left out, an event
/// loses its payload), counted and logged once. Names of runs and projects, and metadata that is only passed through from a caller
/// without a run of one's own, are not shown to it.
/// </remarks>
public interface IRunRedactor
{
    /// <summary>Returns what may leave the process of one part of a run.</summary>
    /// <param name="part">Which part it is.</param>
    /// <param name="value">
    /// The part as JSON: an object for <see cref="RunPart.Inputs"/>, <see cref="RunPart.Outputs"/> and
    /// <see cref="RunPart.Metadata"/>, an array of strings for <see cref="RunPart.Tags"/>, a string for
    /// <see cref="RunPart.Error"/>, any value for <see cref="RunPart.Event"/>.
    /// </param>
    /// <returns>JSON of the same kind. Anything else counts as a failure.</returns>
    JsonElement Redact(RunPart part, JsonElement value);
}

/// <summary>A part of a run an <see cref="IRunRedactor"/> is shown.</summary>
public enum RunPart
{
    /// <summary>The inputs, an object.</summary>
    Inputs,

    /// <summary>The outputs, an object.</summary>
    Outputs,

    /// <summary>Metadata as it is added: an object of the keys being added, or inherited from another process.</summary>
    Metadata,

    /// <summary>Tags as they are added, an array of strings.</summary>
    Tags,

    /// <summary>The error's text.</summary>
    Error,

    /// <summary>An event's payload.</summary>
    Event,
}
