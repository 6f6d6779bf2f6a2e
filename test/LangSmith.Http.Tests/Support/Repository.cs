namespace LangSmith.Http.Tests;

/// <summary>Files of the repository the tests read where they stand.</summary>
internal static class Repository
{
    private static readonly string Root = FindRoot();

    public static string PathTo(string path) => Path.Combine(Root, path);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LangSmith.Http.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("LangSmith.Http.sln is above the test's output folder.");
        return folder.FullName;
    }
}
