namespace LangSmith.Http;

/// <summary>A file that was posted with a run.</summary>
public sealed record CollectedAttachment
{
    /// <summary>The file's name.</summary>
    public required string Name { get; init; }

    /// <summary>The file's MIME type.</summary>
    public required string ContentType { get; init; }

    /// <summary>The file's bytes.</summary>
    public required ReadOnlyMemory<byte> Content { get; init; }
}
