using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>Checks <c>src/README.md</c> against the sources: its map, its links and its walks.</summary>
public sealed partial class WalkTests
{
    private static readonly string[] Walks = ["A request out", "A request in", "A run to LangSmith", "A posted run to the page"];

    // Files of a user's application, which comments may name.
    private static readonly string[] UserFiles = ["appsettings.json"];

    [TestCaseSource(nameof(Walks))]
    public void Walk_ConsecutiveFiles_ReferenceEachOther(string heading)
    {
        var connected = SourceModel.Current.References.Where(static item => item.To is not null)
            .SelectMany(static item => new[] { (item.From.Path, item.To!.Path), (item.To!.Path, item.From.Path) })
            .ToHashSet();
        var steps = GetSteps(heading).ConvertAll(static step => step.Path);

        Assert.That(steps, Has.Count.GreaterThan(4));
        Failures.AssertNone(steps.Zip(steps.Skip(1))
            .Where(pair => !connected.Contains(pair))
            .Select(static pair => $"{pair.First} and {pair.Second} do not reference each other"));
    }

    [TestCaseSource(nameof(Walks))]
    public void Walk_FileEnteredTwice_SaysWhy(string heading)
    {
        var entered = new HashSet<string>();
        Failures.AssertNone(GetSteps(heading)
            .Where(step => entered.Add(step.Path) == step.Text.StartsWith("again,", StringComparison.Ordinal))
            .Select(static step => $"{step.Path}: only a file that was entered before goes on with \"again,\", and why"));
    }

    [Test]
    public void Links_Files_Exist()
    {
        var links = Link().Matches(ReadPage());
        Assert.That(links, Is.Not.Empty);
        Failures.AssertNone(links.Where(static link => !File.Exists(Repository.PathTo($"src/{link.Groups["path"].Value}")))
            .Select(static link => link.Value));
        Failures.AssertNone(links.Where(static link => Path.GetFileName(link.Groups["path"].Value) != link.Groups["name"].Value)
            .Select(static link => link.Value), "The text of a link is the file's name.");
    }

    [Test]
    public void Map_Rooms_AreTheFoldersOnDisk()
    {
        var named = Room().Matches(GetSection("The map")).Select(static match => match.Groups["room"].Value).ToList();
        Failures.AssertNone(named.Where(static room => !Directory.Exists(Repository.PathTo($"src/{room}")))
            .Select(static room => $"{room} does not exist"));
        Failures.AssertNone(SourceModel.Current.Rooms.Except(named).Select(static room => $"{room} is not in the map"));
        Assert.That(named, Is.Unique);
    }

    [Test]
    public void Comments_CitedFiles_AreInTheRepository()
    {
        var files = GetRepositoryFiles().Select(static file => Path.GetFileName(file)).Concat(UserFiles).ToHashSet();
        var comments = SourceModel.Current.Files.SelectMany(static file => file.Tree.GetRoot().DescendantTrivia().Where(IsComment));
        Failures.AssertNone(comments
            .SelectMany(
                static comment => CitedFile().Matches(comment.ToString()),
                static (comment, cited) => (Comment: comment, cited.Value))
            .Where(item => !files.Contains(Path.GetFileName(item.Value)))
            .Select(static item => $"{GetPlace(item.Comment)} cites {item.Value}"));
    }

    private static string ReadPage() => File.ReadAllText(Repository.PathTo("src/README.md"));

    private static string GetSection(string heading) =>
        ReadPage().Split("\n## ").Single(section => section.StartsWith(heading + "\n", StringComparison.Ordinal));

    private static List<(string Path, string Text)> GetSteps(string heading) =>
        [.. Step().Matches(GetSection(heading)).Select(static step => (step.Groups["path"].Value, step.Groups["text"].Value.TrimStart()))];

    // The model parses documentation as ordinary comments.
    private static bool IsComment(SyntaxTrivia trivia) =>
        trivia.IsKind(SyntaxKind.SingleLineCommentTrivia) || trivia.IsKind(SyntaxKind.MultiLineCommentTrivia);

    private static string GetPlace(SyntaxTrivia trivia)
    {
        var span = trivia.GetLocation().GetLineSpan();
        return $"{span.Path}:{span.StartLinePosition.Line + 1}";
    }

    // Files that are new and not ignored count too.
    private static string[] GetRepositoryFiles()
    {
        using var git = Process.Start(new ProcessStartInfo("git", "ls-files --cached --others --exclude-standard")
        {
            WorkingDirectory = Repository.PathTo(""),
            RedirectStandardOutput = true,
        })!;
        var files = git.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        git.WaitForExit();
        Assert.That(git.ExitCode, Is.Zero, "git ls-files");
        return files;
    }

    [GeneratedRegex(@"\[(?<name>[^\]]+)\]\((?!https?:)(?<path>[^)#]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^\d+\. \[[^\]]+\]\((?<path>[^)]+)\)(?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Step();

    [GeneratedRegex(@"^\| `(?<room>[^`]+)`", RegexOptions.Multiline)]
    private static partial Regex Room();

    [GeneratedRegex(@"[\w./-]*\w\.(md|json)\b(?!\.\w)")]
    private static partial Regex CitedFile();
}
