using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace LangSmith.Http.Tests;

/// <summary>A change of the public surface is a visible diff: of the approved file beside this one.</summary>
public sealed class PublicApiTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly Assembly[] Packages = [typeof(RunContext).Assembly, typeof(InboundTracing).Assembly, typeof(LangSmithCollector).Assembly, typeof(LangSmithExporter).Assembly];

    [TestCaseSource(nameof(Packages))]
    public void PublicApi_ComparedWithTheApprovedFile_IsTheSame(Assembly package)
    {
        var approved = Repository.PathTo($"test/LangSmith.Http.Tests/PublicApi/{package.GetName().Name}.approved.txt");
        var actual = Print(package);
        var received = Path.ChangeExtension(approved, ".received.txt").Replace(".approved", "", StringComparison.Ordinal);
        if (File.Exists(approved) && File.ReadAllText(approved) == actual)
            return;
        File.WriteAllText(received, actual);
        Assert.That(actual, Is.EqualTo(File.Exists(approved) ? File.ReadAllText(approved) : ""), $"If the change is meant, move {received} over {approved}.");
    }

    [Test]
    public void PublicApi_MethodsThatReturnTasks_TakeWhatTheyRun()
    {
        // State set in an async method is gone when it returns: no API may pretend otherwise.
        var scopes = Packages.SelectMany(static package => package.GetExportedTypes())
            .SelectMany(static type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(static method => method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(Task<>))
            .Where(static method => typeof(IDisposable).IsAssignableFrom(method.ReturnType.GetGenericArguments()[0]));
        Assert.That(scopes, Is.Empty);
    }

    private static string Print(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(static type => type.FullName, StringComparer.Ordinal))
        {
            var kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : type.IsAbstract && type.IsSealed ? "static class" : type.IsSealed ? "sealed class" : "class";
            var bases = type.GetInterfaces().Where(static item => item.IsPublic).Select(Name).Order(StringComparer.Ordinal).ToList();
            if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
                bases.Insert(0, Name(parent));
            text.Append(type.Namespace).Append(": ").Append(kind).Append(' ').Append(Name(type));
            if (bases.Count > 0 && !type.IsEnum)
                text.Append(" : ").AppendJoin(", ", bases);
            text.Append('\n');
            foreach (var line in type.GetMembers(Declared).Select(Describe).OfType<string>().Order(StringComparer.Ordinal))
                text.Append("  ").Append(line).Append('\n');
            text.Append('\n');
        }

        return text.ToString();
    }

    private static string? Describe(MemberInfo member) => member switch
    {
        FieldInfo { IsPublic: true, IsSpecialName: false } field =>
            $"{(field.IsLiteral ? "const " : field.IsStatic ? "static readonly " : "")}{Name(field.FieldType)} {field.Name}{(field.IsLiteral ? $" = {field.GetRawConstantValue()}" : "")}",
        ConstructorInfo constructor when IsVisible(constructor) => $"ctor({Parameters(constructor)})",
        PropertyInfo property when IsVisible(property.GetMethod) || IsVisible(property.SetMethod) =>
            $"{Static(property.GetMethod ?? property.SetMethod)}{Name(property.PropertyType)}{Mark(Nullability.Create(property).ReadState)} {property.Name} {{ {(IsVisible(property.GetMethod) ? "get; " : "")}{(IsVisible(property.SetMethod) ? property.SetMethod!.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; " : "")}}}",
        MethodInfo { IsSpecialName: false } method when IsVisible(method) && !IsCompilerGenerated(method) =>
            $"{Static(method)}{Name(method.ReturnType)}{Mark(Nullability.Create(method.ReturnParameter).ReadState)} {method.Name}{Generics(method)}({Parameters(method)})",
        MethodInfo { IsSpecialName: true } method when method.Name.StartsWith("op_", StringComparison.Ordinal) => $"{Static(method)}{Name(method.ReturnType)} {method.Name}({Parameters(method)})",
        _ => null,
    };

    private static bool IsVisible(MethodBase? method) => method is { IsPublic: true } or { IsFamily: true } or { IsFamilyOrAssembly: true };

    private static bool IsCompilerGenerated(MemberInfo member) => member.GetCustomAttribute<CompilerGeneratedAttribute>() is not null;

    private static string Static(MethodBase? method) => method is { IsStatic: true } ? "static " : "";

    private static string Mark(NullabilityState state) => state == NullabilityState.Nullable ? "?" : "";

    private static string Generics(MethodInfo method) => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(static parameter =>
        $"{(parameter.IsOut ? "out " : "")}{Name(parameter.ParameterType)}{Mark(Nullability.Create(parameter).ReadState)} {parameter.Name}{(parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "default"}" : "")}"));

    private static string Name(Type type)
    {
        if (type.IsByRef || type.IsArray)
            return Name(type.GetElementType()!) + (type.IsArray ? "[]" : "");
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return Name(underlying);
        if (!type.IsGenericType)
            return type.Name;
        return $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }
}
