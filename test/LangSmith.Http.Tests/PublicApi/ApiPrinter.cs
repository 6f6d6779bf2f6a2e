using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>Prints what users see of a built package, as C#: a line per type, and one per member below it.</summary>
internal static class ApiPrinter
{
    // The attributes that change how a user may use a member.
    private static readonly string[] ShownAttributes =
    [
        "AttributeUsage", "EditorBrowsable", "Experimental", "Flags", "Obsolete", "RequiresDynamicCode", "RequiresUnreferencedCode",
        "UnsupportedOSPlatform",
    ];

    private static readonly SymbolDisplayFormat Format = new(
        typeQualificationStyle: SymbolDisplayTypeQualificationStyle.NameAndContainingTypes,
        genericsOptions: SymbolDisplayGenericsOptions.IncludeTypeParameters | SymbolDisplayGenericsOptions.IncludeTypeConstraints
            | SymbolDisplayGenericsOptions.IncludeVariance,
        delegateStyle: SymbolDisplayDelegateStyle.NameAndSignature,
        propertyStyle: SymbolDisplayPropertyStyle.ShowReadWriteDescriptor,
        kindOptions: SymbolDisplayKindOptions.IncludeTypeKeyword | SymbolDisplayKindOptions.IncludeMemberKeyword,
        memberOptions: SymbolDisplayMemberOptions.IncludeType | SymbolDisplayMemberOptions.IncludeModifiers
            | SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeConstantValue
            | SymbolDisplayMemberOptions.IncludeRef,
        parameterOptions: SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName
            | SymbolDisplayParameterOptions.IncludeDefaultValue | SymbolDisplayParameterOptions.IncludeModifiers
            | SymbolDisplayParameterOptions.IncludeExtensionThis,
        miscellaneousOptions: SymbolDisplayMiscellaneousOptions.UseSpecialTypes | SymbolDisplayMiscellaneousOptions.AllowDefaultLiteral
            | SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier
            | SymbolDisplayMiscellaneousOptions.EscapeKeywordIdentifiers);

    private static readonly SymbolDisplayFormat BaseFormat = Format.WithKindOptions(SymbolDisplayKindOptions.None);

    public static string Print(Assembly assembly) => Print(MetadataReference.CreateFromFile(assembly.Location));

    public static string Print(MetadataReference package)
    {
        var platform = PlatformReferences.All.Where(reference => reference.FilePath != package.Display);
        var compilation = CSharpCompilation.Create("Api", references: [package, .. platform]);
        var assembly = (IAssemblySymbol)compilation.GetAssemblyOrModuleSymbol(package)!;
        var text = new StringBuilder();
        foreach (var type in GetTypes(assembly.GlobalNamespace).OrderBy(static type => type.ToDisplayString(), StringComparer.Ordinal))
        {
            text.Append(DescribeType(type)).Append('\n');
            var members = type.GetMembers().Where(IsShown).Select(static member => (member.Name, Text: DescribeMember(member)))
                .OrderBy(static member => member.Name, StringComparer.Ordinal)
                .ThenBy(static member => member.Text, StringComparer.Ordinal);
            foreach (var (_, line) in members)
                text.Append("  ").Append(line).Append('\n');
            text.Append('\n');
        }

        return text.ToString();
    }

    private static IEnumerable<INamedTypeSymbol> GetTypes(INamespaceOrTypeSymbol container) => container.GetMembers()
        .OfType<INamespaceOrTypeSymbol>()
        .Where(static member => member is INamespaceSymbol || IsVisible(member))
        .SelectMany(static member => member is INamedTypeSymbol type ? GetTypes(type).Prepend(type) : GetTypes(member));

    private static bool IsVisible(ISymbol symbol) =>
        symbol.DeclaredAccessibility is Accessibility.Public or Accessibility.Protected or Accessibility.ProtectedOrInternal;

    // Hides what the compiler adds: accessors beside their property, a record's equality, an enum's field.
    private static bool IsShown(ISymbol member) =>
        IsVisible(member) && !member.IsImplicitlyDeclared && !IsCompilerGenerated(member)
        && member is not INamedTypeSymbol and not IMethodSymbol { AssociatedSymbol: not null }
            and not IPropertySymbol { Name: "EqualityContract" } and not IFieldSymbol { Name: "value__" }
        && member.ContainingType.TypeKind != TypeKind.Delegate;

    private static bool IsCompilerGenerated(ISymbol member) =>
        member.GetAttributes().Any(static item => item.AttributeClass!.Name == nameof(CompilerGeneratedAttribute));

    private static string DescribeType(INamedTypeSymbol type)
    {
        var modifier = type switch
        {
            { TypeKind: not TypeKind.Class } => "",
            { IsStatic: true } => "static ",
            { IsAbstract: true } => "abstract ",
            { IsSealed: true } => "sealed ",
            _ => "",
        };
        var name = type.ToDisplayString(Format);
        // Roslyn does not recognise a record struct in metadata.
        var isRecordStruct = type.TypeKind == TypeKind.Struct && type.GetMembers("op_Equality").Any(IsCompilerGenerated);
        if (isRecordStruct)
            name = name.Replace("struct ", "record struct ", StringComparison.Ordinal);
        var header = $"{DescribeAttributes(type)}{type.ContainingNamespace.ToDisplayString()}: {modifier}{name}";
        var bases = type.TypeKind is TypeKind.Enum or TypeKind.Delegate ? [] : GetBases(type, isRecordStruct || type.IsRecord).ToList();
        return bases.Count == 0 ? header : $"{header} : {string.Join(", ", bases)}";
    }

    private static IEnumerable<string> GetBases(INamedTypeSymbol type, bool isRecord)
    {
        if (type.BaseType is { SpecialType: not (SpecialType.System_Object or SpecialType.System_ValueType) } parent)
            yield return parent.ToDisplayString(BaseFormat);
        // Metadata lists what an interface brings along; a record is always equatable.
        var shown = type.Interfaces.Where(IsVisible)
            .Where(item => !type.Interfaces.Any(other => other.AllInterfaces.Contains(item, SymbolEqualityComparer.Default)))
            .Where(item => !isRecord || item.Name != "IEquatable");
        foreach (var text in shown.Select(static item => item.ToDisplayString(BaseFormat)).Order(StringComparer.Ordinal))
            yield return text;
    }

    private static string DescribeMember(ISymbol member)
    {
        var access = member.DeclaredAccessibility == Accessibility.Public ? "" : "protected ";
        return DescribeAttributes(member) + access + member.ToDisplayString(Format);
    }

    private static string DescribeAttributes(ISymbol symbol) => string.Concat(symbol.GetAttributes()
        .Select(static item => (Name: item.AttributeClass!.Name[..^"Attribute".Length], Item: item))
        .Where(static item => ShownAttributes.Contains(item.Name))
        .OrderBy(static item => item.Name, StringComparer.Ordinal)
        .Select(static item => $"[{item.Name}{DescribeArguments(item.Item)}] "));

    private static string DescribeArguments(AttributeData attribute)
    {
        var arguments = attribute.ConstructorArguments.Select(static item => item.ToCSharpString())
            .Concat(attribute.NamedArguments.Select(static item => $"{item.Key} = {item.Value.ToCSharpString()}")).ToList();
        return arguments.Count == 0 ? "" : $"({string.Join(", ", arguments)})";
    }
}
