using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>
/// Every C# block of the README compiles. One that begins with a using directive is a whole program, to be pasted as it
/// is; around the others their surroundings are made up.
/// </summary>
public sealed partial class ReadmeTests
{
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
        using System.Text.Json;
        using System.Text.RegularExpressions;
        using LangSmith.Http;
        using OpenTelemetry;
        using OpenTelemetry.Context.Propagation;

        """;

    private const string Types = """

        class AnswerClient(HttpClient http) { public Task<string> AskAsync(string question) => http.GetStringAsync(question); }
        record QueueMessage(Dictionary<string, string> Headers);
        class Partners { public Task<bool> KnowsAsync(System.Net.IPAddress? address) => Task.FromResult(address is not null); }
        """;

    // What a block takes for granted, unless it makes its own.
    private static readonly (string Name, string Declaration)[] Surroundings =
    [
        ("app", "var app = WebApplication.Create();"),
        ("builder", "var builder = Host.CreateApplicationBuilder(args);"),
        ("services", "IServiceCollection services = new ServiceCollection();"),
        ("tracer", "var tracer = new LangSmithTracer(new InMemoryRunRecorder());"),
        ("answers", "var answers = new AnswerClient(new HttpClient());"),
        ("question", "var question = \"why?\";"),
        ("tokens", "IAsyncEnumerable<string> tokens = null!;"),
        ("request", "var request = new HttpRequestMessage();"),
        ("parent", "RunContext parent = null!;"),
        ("partners", "var partners = new Partners();"),
        ("consumer", "Task? consumer = null; Task ConsumeAsync() => Task.CompletedTask;"),
        ("message", "var message = new QueueMessage([]);"),
    ];

    private static IEnumerable<TestCaseData> Blocks() => CSharpBlock()
        .Matches(File.ReadAllText(Repository.PathTo("README.md")))
        .Select(static (match, index) => new TestCaseData(match.Groups["code"].Value).SetArgDisplayNames($"{index + 1}"));

    [TestCaseSource(nameof(Blocks))]
    public void Block_AsAProgram_Compiles(string block)
    {
        var declarations = Surroundings
            .Where(item => Regex.IsMatch(block, $@"\b{item.Name}\b") && !Regex.IsMatch(block, $@"(var|out var) {item.Name}\b"))
            .Select(static item => item.Declaration);
        var source = IsProgram(block)
            ? ImplicitUsings + block
            : $"{ImplicitUsings}{Usings}\n{string.Join('\n', declarations)}\n{block}{Types}";
        var compilation = CSharpCompilation.Create(
            "Readme",
            [CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.Latest))],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(static path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        var problems = compilation.GetDiagnostics().Where(static diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning && diagnostic.Id is not ("CS8019" or "CS0105" or "CS0219" or "CS1701"));
        Assert.That(problems.Select(static problem => problem.ToString()), Is.Empty, source);
    }

    [Test]
    public void Blocks_AreThere()
    {
        Assert.That(Blocks().Count(), Is.GreaterThan(5));
        Assert.That(Blocks().Count(static block => IsProgram((string)block.Arguments[0]!)), Is.EqualTo(3), "console, worker, ASP.NET Core");
    }

    // Not a using statement.
    private static bool IsProgram(string block) => Regex.IsMatch(block, "^using [A-Z]");

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();
}
