using Microsoft.CodeAnalysis;

namespace LangSmith.Http.Tests;

/// <summary>The assemblies this process runs with, as references for Roslyn, read once.</summary>
internal static class PlatformReferences
{
    private static readonly Lazy<PortableExecutableReference[]> LazyAll = new(static () =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(static path => MetadataReference.CreateFromFile(path))]);

    /// <summary>All of them, the packages under test included.</summary>
    public static IReadOnlyList<PortableExecutableReference> All => LazyAll.Value;

    /// <summary>All but the packages under test.</summary>
    public static IEnumerable<PortableExecutableReference> WithoutPackages =>
        All.Where(static reference => !Path.GetFileName(reference.FilePath!).StartsWith("LangSmith.", StringComparison.Ordinal));
}
