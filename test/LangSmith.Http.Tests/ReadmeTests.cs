using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>Every C# block of the README compiles, as a program of its own around which its surroundings are made up.</summary>
public sealed partial class ReadmeTests
{
    private const string Usings = """
        using System;
        using System.Collections.Generic;
        using System.IO;
        using System.Linq;
        using System.Net.Http;
        using System.Text.Json;
        using System.Text.RegularExpressions;
        using System.Threading;
        using System.Threading.Channels;
        using System.Threading.Tasks;
        using LangSmith.Http;
        using Microsoft.AspNetCore.Builder;
        using Microsoft.Extensions.DependencyInjection;
        using Microsoft.Extensions.Hosting;

        """;

    private const string Types = """

        class AnswerClient(HttpClient http) { public Task<string> AskAsync(string question) => http.GetStringAsync(question); }
        record QueueMessage(Dictionary<string, string> Headers);
        """;

    // What a block takes for granted, unless it makes its own.
    private static readonly (string Name, string Declaration)[] Surroundings =
    [
        ("builder", "var builder = Host.CreateApplicationBuilder(args);"),
        ("services", "IServiceCollection services = new ServiceCollection();"),
        ("tracer", "var tracer = new LangSmithTracer(new InMemoryRunRecorder());"),
        ("answers", "var answers = new AnswerClient(new HttpClient());"),
        ("question", "var question = \"why?\";"),
        ("tokens", "IAsyncEnumerable<string> tokens = null!;"),
        ("request", "var request = new HttpRequestMessage();"),
        ("parent", "RunContext parent = null!;"),
        ("message", "var message = new QueueMessage([]);"),
    ];

    private static IEnumerable<TestCaseData> Blocks() => CSharpBlock()
        .Matches(File.ReadAllText(Repository.PathTo("README.md")))
        .Select(static (match, index) => new TestCaseData(match.Groups["code"].Value).SetArgDisplayNames($"{index + 1}"));

    [TestCaseSource(nameof(Blocks))]
    public void Block_AsAProgram_Compiles(string block)
    {
        var usings = UsingDirective().Matches(block).Select(static match => match.Value);
        var body = UsingDirective().Replace(block, "");
        var declarations = Surroundings
            .Where(item => Regex.IsMatch(body, $@"\b{item.Name}\b") && !Regex.IsMatch(body, $@"(var|out var) {item.Name}\b"))
            .Select(static item => item.Declaration);
        var source = $"#nullable enable\n{Usings}{string.Concat(usings.Except(Usings.Split('\n')))}\n{string.Join('\n', declarations)}\n{body}{Types}";
        var compilation = CSharpCompilation.Create(
            "Readme",
            [CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.Latest))],
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(static path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        var problems = compilation.GetDiagnostics().Where(static diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning && diagnostic.Id is not ("CS8019" or "CS0105" or "CS0219" or "CS1701"));
        Assert.That(problems.Select(static problem => problem.ToString()), Is.Empty, source);
    }

    [Test]
    public void Blocks_AreThere() => Assert.That(Blocks().Count(), Is.GreaterThan(5));

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CSharpBlock();

    [GeneratedRegex(@"^using [\w.]+;\n", RegexOptions.Multiline)]
    private static partial Regex UsingDirective();
}
