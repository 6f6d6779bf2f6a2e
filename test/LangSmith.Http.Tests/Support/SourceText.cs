using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace LangSmith.Http.Tests;

/// <summary>The texts of the sources: log events, metrics, and every text with its holes.</summary>
internal static partial class SourceText
{
    private static readonly SyntaxNode[] Files =
    [
        .. Directory.EnumerateFiles(Repository.PathTo("src"), "*.cs", SearchOption.AllDirectories)
            .Where(static path => !path.Contains("/obj/", StringComparison.Ordinal))
            .Select(static path => CSharpSyntaxTree.ParseText(File.ReadAllText(path)).GetRoot()),
    ];

    // Each is a text with holes such as {name}.
    private static readonly HashSet<string> Templates =
    [
        .. Files.SelectMany(static file => file.DescendantNodes().OfType<ExpressionSyntax>())
            .Where(static expression => expression.Parent is not BinaryExpressionSyntax).Select(ReadText).OfType<string>()
            .Where(static text => text.Length > 15),
    ];

    public static IReadOnlyDictionary<int, LogEvent> LogEvents { get; } = Files
        .SelectMany(static file => file.DescendantNodes().OfType<AttributeSyntax>())
        .Where(static attribute => attribute.Name.ToString() == "LoggerMessage")
        .Select(ReadEvent).ToDictionary(static item => item.Id);

    public static IReadOnlyList<string> Metrics { get; } = [.. Files
        .SelectMany(static file => file.DescendantTokens())
        .Where(static token => token.IsKind(SyntaxKind.StringLiteralToken) && token.ValueText.StartsWith("langsmith.http.", StringComparison.Ordinal))
        .Select(static token => token.ValueText).Distinct()];

    /// <summary>True if a text is a text of the sources, its holes filled.</summary>
    public static bool IsInSources(string text) => Templates.Any(template => Matches(template, text));

    public static bool Matches(string template, string text) =>
        Regex.IsMatch(text, $"^{Hole().Replace(Regex.Escape(template), ".+")}$", RegexOptions.Singleline);

    private static LogEvent ReadEvent(AttributeSyntax attribute)
    {
        var arguments = attribute.ArgumentList!.Arguments;
        var level = arguments[1].Expression.ToString()["LogLevel.".Length..];
        var constants = attribute.Ancestors().OfType<TypeDeclarationSyntax>().First().Members.OfType<FieldDeclarationSyntax>()
            .SelectMany(static field => field.Declaration.Variables).First(static variable => variable.Identifier.Text == "Category");
        return new LogEvent(
            int.Parse(arguments[0].ToString(), CultureInfo.InvariantCulture), level, ReadText(arguments[2].Expression)!,
            ReadText(arguments[3].Expression)!, ReadText(constants.Initializer!.Value)!);
    }

    private static string? ReadText(ExpressionSyntax expression) => expression switch
    {
        LiteralExpressionSyntax { RawKind: (int)SyntaxKind.StringLiteralExpression } literal => literal.Token.ValueText,
        InterpolatedStringExpressionSyntax text => string.Concat(text.Contents.Select(static part =>
            part is InterpolatedStringTextSyntax fixedText ? fixedText.TextToken.ValueText : "{hole}")),
        BinaryExpressionSyntax { RawKind: (int)SyntaxKind.AddExpression } sum when ReadText(sum.Left) is { } left =>
            left + (ReadText(sum.Right) ?? "{hole}"),
        ParenthesizedExpressionSyntax inner => ReadText(inner.Expression),
        _ => null,
    };

    [GeneratedRegex(@"\\\{[^}]*\}")]
    private static partial Regex Hole();

    /// <summary>A log event as its attribute has it.</summary>
    internal sealed record LogEvent(int Id, string LevelName, string Template, string Name, string Category)
    {
        /// <summary>The level as the console writes it.</summary>
        public string Level => LevelName switch
        {
            "Debug" => "dbug",
            "Information" => "info",
            "Warning" => "warn",
            "Error" => "fail",
            _ => LevelName,
        };
    }
}
