namespace LangSmith.Http.Tests;

/// <summary>One place in a source file that uses a symbol.</summary>
/// <param name="From">The file that uses it.</param>
/// <param name="Line">The line, beginning with 1.</param>
/// <param name="To">The file that declares it; null for a symbol of the platform or a package.</param>
/// <param name="Symbol">Its name: with its type for a member; in full for a symbol that is not ours.</param>
internal sealed record SourceReference(SourceFile From, int Line, SourceFile? To, string Symbol)
{
    public override string ToString() => $"{From}:{Line} uses {Symbol}";
}
