using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace LangSmith.Http.Tests;

/// <summary>
/// Collects the symbols that the code of a file uses: by name, and without a name, such as the type of <c>new()</c> or
/// <c>var</c>, or a conversion. Skips documentation.
/// </summary>
internal sealed class ReferenceWalker(CSharpCompilation compilation, IReadOnlyDictionary<SyntaxTree, SourceFile> files)
{
    private readonly HashSet<ISymbol> _symbols = new(SymbolEqualityComparer.Default);

    public IEnumerable<SourceReference> GetReferences(SourceFile file)
    {
        var model = compilation.GetSemanticModel(file.Tree);
        foreach (var node in file.Tree.GetRoot().DescendantNodes())
        {
            _symbols.Clear();
            Collect(model, node);
            if (_symbols.Count == 0)
                continue;
            var line = file.Tree.GetLineSpan(node.Span).StartLinePosition.Line + 1;
            foreach (var symbol in _symbols)
            {
                var type = symbol.ContainingType ?? symbol;
                var member = symbol.ContainingType is null ? "" : "." + symbol.MetadataName;
                var declaring = GetFiles(symbol);
                if (declaring.Length == 0)
                    yield return new SourceReference(file, line, null, type.ToDisplayString() + member);
                foreach (var to in declaring)
                    yield return new SourceReference(file, line, to, type.Name + member);
            }
        }
    }

    private void Collect(SemanticModel model, SyntaxNode node)
    {
        switch (node)
        {
            case SimpleNameSyntax name:
                Add(model.GetSymbolInfo(name));
                // The symbol of var is the type without its arguments.
                if (name.IsVar)
                    AddType(model.GetTypeInfo(name).Type);
                break;
            case ParameterSyntax { Type: null } parameter:
                AddType(model.GetDeclaredSymbol(parameter)?.Type);
                break;
            case AttributeSyntax or ConstructorInitializerSyntax or PrimaryConstructorBaseTypeSyntax or BaseObjectCreationExpressionSyntax:
                Add(model.GetSymbolInfo(node));
                break;
            case AwaitExpressionSyntax await:
                Add(model.GetAwaitExpressionInfo(await).GetAwaiterMethod);
                break;
            case CommonForEachStatementSyntax loop:
                Add(model.GetForEachStatementInfo(loop).GetEnumeratorMethod);
                AddType(model.GetForEachStatementInfo(loop).ElementType);
                break;
            case ElementAccessExpressionSyntax or ElementBindingExpressionSyntax or BinaryExpressionSyntax or PrefixUnaryExpressionSyntax
                or PostfixUnaryExpressionSyntax or AssignmentExpressionSyntax or CastExpressionSyntax:
                Add(model.GetSymbolInfo(node));
                break;
            case InitializerExpressionSyntax initializer when initializer.IsKind(SyntaxKind.CollectionInitializerExpression):
                foreach (var element in initializer.Expressions)
                    Add(model.GetCollectionInitializerSymbolInfo(element));
                break;
        }

        if (node is ExpressionSyntax expression)
            Add(model.GetConversion(expression).MethodSymbol);
        if (node is BaseObjectCreationExpressionSyntax or CollectionExpressionSyntax || node.IsKind(SyntaxKind.DefaultLiteralExpression))
            AddType(model.GetTypeInfo(node).ConvertedType);
    }

    // nameof(Method) has candidates only.
    private void Add(SymbolInfo info)
    {
        if (info.Symbol is { } symbol)
            Add(symbol);
        foreach (var candidate in info.CandidateSymbols)
            Add(candidate);
    }

    private void Add(ISymbol? symbol)
    {
        if (symbol is IAliasSymbol alias)
            symbol = alias.Target;
        if (symbol is IMethodSymbol { ReducedFrom: { } extension })
            symbol = extension;
        if (symbol is INamedTypeSymbol or IFieldSymbol or IPropertySymbol or IEventSymbol
            or IMethodSymbol { MethodKind: not (MethodKind.LocalFunction or MethodKind.AnonymousFunction) })
            _symbols.Add(symbol.OriginalDefinition);
    }

    private void AddType(ITypeSymbol? type)
    {
        switch (type)
        {
            case IArrayTypeSymbol array:
                AddType(array.ElementType);
                break;
            case INamedTypeSymbol { IsTupleType: true } tuple:
                foreach (var element in tuple.TupleElements)
                    AddType(element.Type);
                break;
            case INamedTypeSymbol named:
                Add(named);
                foreach (var argument in named.TypeArguments)
                    AddType(argument);
                break;
        }
    }

    // A member that the compiler adds, such as a default constructor, has the file of its type.
    private SourceFile[] GetFiles(ISymbol symbol)
    {
        for (ISymbol? declared = symbol; declared is not null; declared = declared.ContainingType)
        {
            if (declared.DeclaringSyntaxReferences.Length > 0)
                return [.. declared.DeclaringSyntaxReferences.Select(item => files[item.SyntaxTree]).Distinct()];
        }

        return [];
    }
}
