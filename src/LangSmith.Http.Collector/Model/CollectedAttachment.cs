namespace LangSmith.Http;

/// <summary>A file that came with a run.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ContentType">Its MIME type.</param>
/// <param name="Content">Its bytes.</param>
public sealed record CollectedAttachment(string Name, string ContentType, ReadOnlyMemory<byte> Content);
