using Microsoft.CodeAnalysis;

namespace LangSmith.Http.Tests;

/// <summary>A source file and its room: the folder that holds it, beginning with the package.</summary>
/// <param name="path">The path below <c>src</c>, with forward slashes.</param>
/// <param name="tree">The parsed text.</param>
internal sealed class SourceFile(string path, SyntaxTree tree)
{
    public string Path { get; } = path;

    public SyntaxTree Tree { get; } = tree;

    public string Room { get; } = path[..path.LastIndexOf('/')];

    public string Package { get; } = path[..path.IndexOf('/', StringComparison.Ordinal)];

    public override string ToString() => Path;
}
