using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace LangSmith.Http.Tests;

/// <summary>
/// Binds the sources under <c>src</c> and collects which file uses which symbol of which file. Metadata is not enough: it has
/// no folders, and constants leave no trace in it.
/// </summary>
internal sealed class SourceModel
{
    private const string Core = "LangSmith.Http";

    // The usings of Microsoft.NET.Sdk. A framework reference adds none.
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    private static readonly Lazy<SourceModel> LazyCurrent = new(static () => new SourceModel(ReadSources()));

    // Skips nullable flow analysis, which the real build does: it takes half of the time.
    private static readonly CSharpParseOptions ParseOptions =
        new CSharpParseOptions(LanguageVersion.Latest, DocumentationMode.None, preprocessorSymbols: FrameworkSymbols())
            .WithFeatures([new("run-nullable-analysis", "never")]);

    private static readonly CSharpCompilationOptions CompilationOptions = new(
        OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable);

    /// <summary>Binds sources, given as paths below <c>src</c> and texts.</summary>
    public SourceModel(IEnumerable<(string Path, string Text)> sources)
    {
        Files = [.. sources.OrderBy(static source => source.Path, StringComparer.Ordinal)
            .Select(static source => new SourceFile(source.Path, CSharpSyntaxTree.ParseText(source.Text, ParseOptions, source.Path)))];
        Rooms = [.. Files.Select(static file => file.Room).Distinct().Order(StringComparer.Ordinal)];
        var files = Files.ToDictionary(static file => file.Tree);
        var compilations = Compile(Files);
        var jsonContexts = GetJsonContexts(Files);
        Errors = [.. compilations.SelectMany(static compilation => compilation.GetDiagnostics())
            .Where(diagnostic => IsUnexpected(diagnostic, jsonContexts))
            .Select(static error => error.ToString())];
        References = [.. Files.AsParallel().AsOrdered().SelectMany(file =>
            new ReferenceWalker(compilations.Single(item => item.AssemblyName == file.Package), files).GetReferences(file))];
        Types = [.. compilations.SelectMany(static compilation => GetTypes(compilation.Assembly.GlobalNamespace))];
    }

    /// <summary>The sources on disk, bound once for all tests.</summary>
    public static SourceModel Current => LazyCurrent.Value;

    public IReadOnlyList<SourceFile> Files { get; }

    public IReadOnlyList<string> Rooms { get; }

    /// <summary>Compiler errors. An unresolved name would hide an arrow.</summary>
    public IReadOnlyList<string> Errors { get; }

    /// <summary>All references, those within a file included.</summary>
    public IReadOnlyList<SourceReference> References { get; }

    /// <summary>All types that are not nested.</summary>
    public IReadOnlyList<INamedTypeSymbol> Types { get; }

    /// <summary>The references between rooms, grouped, in the order of the rooms' names.</summary>
    public IReadOnlyList<Arrow> GetArrows() => [.. References
        .Where(static reference => reference.To is { } to && to.Room != reference.From.Room)
        .GroupBy(static reference => (From: reference.From.Room, To: reference.To!.Room))
        .OrderBy(static group => group.Key.From, StringComparer.Ordinal).ThenBy(static group => group.Key.To, StringComparer.Ordinal)
        .Select(static group => new Arrow(group.Key.From, group.Key.To, [.. group]))];

    private static IEnumerable<(string Path, string Text)> ReadSources()
    {
        var root = Repository.PathTo("src");
        // The tool is a program above the collector's public API: no room.
        return Directory.EnumerateDirectories(root).Where(static package => !package.EndsWith(".Tool", StringComparison.Ordinal))
            .SelectMany(static package => Directory.EnumerateFiles(package, "*.cs", SearchOption.AllDirectories))
            .Select(file => (Path: Path.GetRelativePath(root, file).Replace('\\', '/'), File: file))
            .Where(static item => !item.Path.Split('/').Any(static part => part is "obj" or "bin"))
            .Select(static item => (item.Path, File.ReadAllText(item.File)));
    }

    // Compiles the core first. The other packages reference it, and not each other.
    private static List<CSharpCompilation> Compile(IReadOnlyList<SourceFile> files)
    {
        var packages = files.GroupBy(static file => file.Package).OrderBy(static package => package.Key != Core).ToList();
        var compilations = new List<CSharpCompilation>();
        foreach (var package in packages)
        {
            // Grants all internals: the real build checks InternalsVisibleTo.
            var friends = packages.Where(other => other.Key != package.Key)
                .Select(static other => $"[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"{other.Key}\")]");
            var implicitSource = CSharpSyntaxTree.ParseText($"{ImplicitUsings}\n{string.Join('\n', friends)}", ParseOptions);
            compilations.Add(CSharpCompilation.Create(
                package.Key,
                [implicitSource, .. package.Select(static file => file.Tree)],
                [.. PlatformReferences.WithoutPackages, .. compilations.Take(1).Select(static core => core.ToMetadataReference())],
                CompilationOptions));
        }

        return compilations;
    }

    // Source generators do not run: partial members have no body, and a JsonSerializerContext lacks its members.
    private static bool IsUnexpected(Diagnostic diagnostic, IEnumerable<string> jsonContexts)
    {
        if (diagnostic.Severity != DiagnosticSeverity.Error || diagnostic.Id is "CS0762" or "CS8795" or "CS9248")
            return false;
        if (diagnostic.Id is not ("CS0534" or "CS7036" or "CS1729" or "CS0117" or "CS1061"))
            return true;
        var message = diagnostic.GetMessage(CultureInfo.InvariantCulture);
        return !jsonContexts.Any(name => Regex.IsMatch(message, $@"\b{name}\b"));
    }

    private static List<string> GetJsonContexts(IEnumerable<SourceFile> files) => [nameof(JsonSerializerContext), .. files
        .SelectMany(static file => file.Tree.GetRoot().DescendantNodes().OfType<ClassDeclarationSyntax>())
        .Where(static type => type.BaseList?.ToString().Contains(nameof(JsonSerializerContext), StringComparison.Ordinal) == true)
        .Select(static type => type.Identifier.Text)];

    private static IEnumerable<INamedTypeSymbol> GetTypes(INamespaceSymbol space) =>
        space.GetTypeMembers().Concat(space.GetNamespaceMembers().SelectMany(GetTypes));

    private static IEnumerable<string> FrameworkSymbols() =>
        Enumerable.Range(5, Environment.Version.Major - 4).Select(static version => $"NET{version}_0_OR_GREATER").Append("NET");
}
