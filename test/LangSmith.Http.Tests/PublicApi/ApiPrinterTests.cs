using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LangSmith.Http.Tests;

/// <summary>The approved files show every change that can break a user's build.</summary>
public sealed class ApiPrinterTests
{
    [TestCase("public void Put<T>(T value) where T : class, new() { }", "void Put<T>(T value) where T : class, new()")]
    [TestCase("public void Put(params string[] values) { }", "void Put(params string[] values)")]
    [TestCase("public System.Collections.Generic.List<string?>? Get() => null;", "List<string?>? Get()")]
    [TestCase("public void Put(int value = 7, string? name = null, System.Threading.CancellationToken token = default) { }",
        "void Put(int value = 7, string? name = null, CancellationToken token = default)")]
    [TestCase("[System.Obsolete(\"Use Other.\")] public void Put(in int value, out int other) => other = 1;",
        "[Obsolete(\"Use Other.\")] void Put(in int value, out int other)")]
    [TestCase("[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)] public const int Size = 1;",
        "[EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)] const int Size = 1")]
    [TestCase("public string Name { get; init; } = \"\";", "string Name { get; init; }")]
    [TestCase("public required string Name { get; set; }", "required string Name { get; set; }")]
    [TestCase("public string Name { get; private set; } = \"\";", "string Name { get; }")]
    [TestCase("protected internal virtual void Put() { }", "protected virtual void Put()")]
    [TestCase("public static implicit operator string(Sample value) => \"\";", "static implicit operator string(Sample value)")]
    [TestCase("internal void Put() { }", null)]
    public void Print_Member_ShowsWhatUsersSee(string member, string? expected)
    {
        var printed = Print($"#nullable enable\npublic class Sample {{ protected Sample(int size) {{ }} {member} }}");
        var line = expected is null ? "" : $"  {expected}\n";
        Assert.That(printed, Is.EqualTo($"<global namespace>: class Sample\n  protected Sample(int size)\n{line}\n"));
    }

    [TestCase("[System.Flags] public enum Sample { None, One }", "[Flags] {0}enum Sample\n  None = 0\n  One = 1\n")]
    [TestCase("public readonly struct Sample : System.IDisposable { public void Dispose() { } }",
        "{0}readonly struct Sample : IDisposable\n  void Dispose()\n")]
    [TestCase("public sealed record Sample(int Size);", "{0}sealed record Sample\n  Sample(int Size)\n  int Size { get; init; }\n")]
    [TestCase("public readonly record struct Sample(int Size);",
        "{0}readonly record struct Sample\n  Sample(int Size)\n  int Size { get; init; }\n")]
    [TestCase("public interface Sample<in T> where T : notnull { void Put(T value); }",
        "{0}interface Sample<in T> where T : notnull\n  void Put(T value)\n")]
    [TestCase("public delegate bool Sample<T>(T value);", "{0}delegate bool Sample<T>(T value)\n")]
    [TestCase("public static class Sample { public static void Put(this string text) { } public class Inner; }",
        "{0}static class Sample\n  static void Put(this string text)\n\n{0}class Sample.Inner\n  Inner()\n")]
    public void Print_Type_ShowsWhatUsersSee(string type, string expected)
    {
        var all = expected.Replace("{0}", "<global namespace>: ", StringComparison.Ordinal) + "\n";
        Assert.That(Print($"#nullable enable\n{type}"), Is.EqualTo(all));
    }

    private static string Print(string source)
    {
        var compilation = CSharpCompilation.Create(
            "Sample", [CSharpSyntaxTree.ParseText(source)], PlatformReferences.All, new(OutputKind.DynamicallyLinkedLibrary));
        using var assembly = new MemoryStream();
        var result = compilation.Emit(assembly);
        Assert.That(result.Diagnostics.Where(static item => item.Severity == DiagnosticSeverity.Error), Is.Empty);
        return ApiPrinter.Print(MetadataReference.CreateFromImage(assembly.ToArray()));
    }
}
