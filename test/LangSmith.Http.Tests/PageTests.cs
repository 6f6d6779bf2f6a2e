using System.Globalization;
using System.Runtime.Loader;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>
/// The repository's pages: C# blocks compile, links lead somewhere, quoted log lines and exceptions are what the sources say.
/// </summary>
/// <remarks>
/// A block that begins with a using directive is a whole program, to be pasted as it is. Around the others their surroundings are
/// made up. `test/newcomer.sh` runs the programs.
/// </remarks>
public sealed partial class PageTests
{
    private static readonly string[] Pages =
    [
        .. Directory.EnumerateFiles(Repository.PathTo(""), "*.md"),
        .. new[] { "src", "examples", "test" }.SelectMany(static folder =>
            Directory.EnumerateFiles(Repository.PathTo(folder), "*.md", SearchOption.AllDirectories)
                .Where(static path => !NotOurs().IsMatch(path))),
    ];

    // Those of Microsoft.NET.Sdk, .Worker and .Web.
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;

        """;

    private const string Usings = """
        using System.Text;
        using System.Text.Json;
        using System.Text.RegularExpressions;
        using LangSmith.Http;
        using Microsoft.AspNetCore.SignalR;
        using OpenTelemetry;
        using OpenTelemetry.Context.Propagation;

        """;

    private const string Types = """

        class AnswerClient(HttpClient http) { public Task<string> AskAsync(string question) => http.GetStringAsync("http://localhost/"); }
        class AnyServer : HttpMessageHandler
        {
            protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop) =>
                Task.FromResult(new HttpResponseMessage { Content = new StringContent("42") });
        }
        record QueueMessage(Dictionary<string, string> Headers);
        class Partners { public Task<bool> KnowsAsync(System.Net.IPAddress? address) => Task.FromResult(address is not null); }
        """;

    // What a block takes for granted, unless it makes its own.
    private static readonly (string Name, string Declaration)[] Surroundings =
    [
        ("app", "var app = WebApplication.Create();"),
        ("builder", "var builder = WebApplication.CreateBuilder(args);"),
        ("exporter", "var exporter = new LangSmithExporter();"),
        ("services", "IServiceCollection services = new ServiceCollection();"),
        ("tracer", "var tracer = new LangSmithTracer(new InMemoryRunRecorder());"),
        ("answers", "var answers = new AnswerClient(new HttpClient(new AnyServer()));"),
        ("question", "var question = \"why?\";"),
        ("tokens", "async IAsyncEnumerable<string> Read() { yield return await Task.FromResult(\"4\"); yield return \"2\"; } var tokens = Read();"),
        ("request", "var request = new HttpRequestMessage();"),
        ("parent", "var parent = RunContext.FromDottedOrder(\"20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001\");"),
        ("partners", "var partners = new Partners();"),
        ("consumer", "Task? consumer = null; Task ConsumeAsync() => Task.CompletedTask;"),
        ("message", "var message = new QueueMessage([]);"),
    ];

    private static IEnumerable<TestCaseData> Blocks() => Pages.SelectMany(static page => CSharpBlock()
        .Matches(File.ReadAllText(page))
        .Select((match, index) => new TestCaseData(match.Groups["code"].Value).SetArgDisplayNames($"{Name(page)}, {index + 1}")));

    private static IEnumerable<TestCaseData> AllPages() => Pages.Select(static page => new TestCaseData(page).SetArgDisplayNames(Name(page)));

    [TestCaseSource(nameof(Blocks))]
    public void Block_AsAProgram_Compiles(string block)
    {
        var compilation = Compile(block);

        var problems = compilation.GetDiagnostics().Where(static diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning && diagnostic.Id is not ("CS8019" or "CS0105" or "CS0219" or "CS1701"));
        Assert.That(problems.Select(static problem => problem.ToString()), Is.Empty, compilation.SyntaxTrees.Single().ToString());
    }

    // `test/newcomer.sh` runs the whole programs, which do not end by themselves.
    private static IEnumerable<TestCaseData> BlocksToRun() => Blocks()
        .Where(static block => block.ArgDisplayNames![0].StartsWith("src/docs/getting-started.md", StringComparison.Ordinal) && !IsProgram((string)block.Arguments[0]!));

    [TestCaseSource(nameof(BlocksToRun))]
    public void Block_OfGettingStarted_Runs(string block)
    {
        using var assembly = new MemoryStream();
        Assert.That(Compile(block).Emit(assembly).Success);
        var context = new AssemblyLoadContext("getting started", isCollectible: true);
        assembly.Position = 0;
        var main = context.LoadFromStream(assembly).EntryPoint!;

        Assert.That(() => main.Invoke(null, [Array.Empty<string>()]), Throws.Nothing);

        context.Unload();
    }

    private static CSharpCompilation Compile(string block)
    {
        var declarations = Surroundings
            .Where(item => Regex.IsMatch(block, $@"\b{item.Name}\b") && !Regex.IsMatch(block, $@"(var|out var) {item.Name}\b"))
            .Select(static item => item.Declaration);
        var source = IsProgram(block)
            ? ImplicitUsings + block
            : $"{ImplicitUsings}{Usings}\n{string.Join('\n', declarations)}\n{block}{Types}";
        return CSharpCompilation.Create(
            "Page",
            [CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.Latest))],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(static path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
    }

    [Test]
    public void Blocks_AreThere() => Assert.That(Blocks().Count(), Is.GreaterThan(35));

    [TestCaseSource(nameof(AllPages))]
    public void Links_OfAPage_LeadSomewhere(string page)
    {
        var text = Fence().Replace(File.ReadAllText(page), "");
        var broken = Link().Matches(text).Select(static match => match.Groups["to"].Value)
            .Where(to => !Uri.TryCreate(to, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            .Where(to => !Leads(page, to));
        Assert.That(broken, Is.Empty);
    }

    // A page of a package is shown on a feed, where nothing is next to it.
    [TestCaseSource(nameof(AllPages))]
    public void Links_OfAPackagesPage_AreAbsolute(string page)
    {
        var isOfAPackage = Directory.EnumerateFiles(Path.GetDirectoryName(page)!, "*.csproj").Any();
        Assert.That(
            Link().Matches(File.ReadAllText(page)).Select(static match => match.Groups["to"].Value).Where(_ => isOfAPackage),
            Has.All.StartsWith("https://"));
    }

    [TestCaseSource(nameof(AllPages))]
    public void Lines_OfAPage_AreShort(string page)
    {
        var limit = page == Repository.PathTo("README.md") ? 150 : 250;
        if (page.StartsWith(Repository.PathTo("src/docs"), StringComparison.Ordinal) || limit == 150 || page.EndsWith("/README.md", StringComparison.Ordinal))
            Assert.That(File.ReadLines(page).Count(), Is.LessThanOrEqualTo(limit));
    }

    [TestCaseSource(nameof(AllPages))]
    public void LogLines_OfAPage_AreTheSources(string page)
    {
        foreach (Match line in LogLine().Matches(File.ReadAllText(page)))
        {
            var (id, level) = (int.Parse(line.Groups["id"].ValueSpan, CultureInfo.InvariantCulture), line.Groups["level"].Value);
            Assert.That(SourceText.LogEvents.Keys, Does.Contain(id), line.Value);
            var source = SourceText.LogEvents[id];
            Assert.That((line.Groups["category"].Value, level), Is.EqualTo((source.Category, source.Level)), line.Value);
            // Its text may be another text of the sources.
            Assert.That(
                source.Template == "{Warning}" ? SourceText.IsInSources(line.Groups["text"].Value) : SourceText.Matches(source.Template, line.Groups["text"].Value),
                line.Value);
        }
    }

    [TestCaseSource(nameof(AllPages))]
    public void Exceptions_OfAPage_AreTheSources(string page)
    {
        var texts = ExceptionLine().Matches(File.ReadAllText(page)).Select(static match => match.Groups["text"].Value)
            // The container's own.
            .Where(static text => !text.StartsWith("No service for type", StringComparison.Ordinal));
        // The validator writes the name of the options before some.
        Assert.That(texts.Where(static text => !SourceText.IsInSources(text) && !SourceText.IsInSources(OptionsName().Replace(text, ""))), Is.Empty);
    }

    [Test]
    public void LogEvents_OfTheOperationsPage_AreAll()
    {
        var rows = LogRow().Matches(File.ReadAllText(Repository.PathTo("src/docs/operations.md")))
            .Select(static match => $"{match.Groups["id"]} {match.Groups["level"]} {match.Groups["name"]}");
        Assert.That(rows, Is.EqualTo(SourceText.LogEvents.OrderBy(static item => item.Key).Select(static item =>
            $"{item.Key} {item.Value.LevelName} {item.Value.Name}")));
    }

    [Test]
    public void Metrics_OfTheOperationsPage_AreAll()
    {
        var page = File.ReadAllText(Repository.PathTo("src/docs/operations.md")).Replace("`.queue.bytes`", "`langsmith.http.export.queue.bytes`", StringComparison.Ordinal);
        Assert.That(SourceText.Metrics.Where(metric => !page.Contains($"`{metric}`", StringComparison.Ordinal)), Is.Empty);
    }

    private static string Name(string page) => Path.GetRelativePath(Repository.PathTo(""), page);

    private static bool Leads(string page, string to)
    {
        var parts = to.Split('#', 2);
        var target = parts[0].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, parts[0]);
        return parts.Length == 1 ? Path.Exists(target) : File.Exists(target) && Heading().Matches(File.ReadAllText(target)).Any(heading =>
            NotInAnchors().Replace(heading.Groups["text"].Value.ToLowerInvariant(), "").Replace(' ', '-') == parts[1]);
    }

    // Not a using statement.
    private static bool IsProgram(string block) => Regex.IsMatch(block, "^using [A-Z]");

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex("/(bin|obj|node_modules|TestResults)/")]
    private static partial Regex NotOurs();

    [GeneratedRegex("^```.*?^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"(?<!`)\]\((?<to>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    // As the console writes it.
    [GeneratedRegex(@"^(?<level>dbug|info|warn|fail): (?<category>[\w.]+)\[(?<id>\d+)\]\n      (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex LogLine();

    [GeneratedRegex(@"^[\w.]+Exception: (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex ExceptionLine();

    [GeneratedRegex(@"^LangSmith\w+Options: ")]
    private static partial Regex OptionsName();

    [GeneratedRegex(@"^\| (?<id>\d+) \| (?<level>\w+) \| `(?<name>\w+)` \|", RegexOptions.Multiline)]
    private static partial Regex LogRow();
}
