using Microsoft.CodeAnalysis;

namespace LangSmith.Http.Tests;

/// <summary>Asserts which folder may use which, on the symbols that the code uses. A folder is called a room.</summary>
public sealed class ArchitectureTests
{
    // Room: the nearest rooms it may reference. It may also reference what those may reference. See ArrowRules.
    private const string Rules = """
        LangSmith.Http
          Diagnostics:
          Propagation: Diagnostics
          Runs/Capture: Propagation
          Runs: Runs/Capture
          Outbound/Headers: Runs
          Outbound/Redirects: Outbound/Headers
          Outbound: Outbound/Redirects
          DependencyInjection: everything

        LangSmith.Http.AspNetCore
          Diagnostics: core Diagnostics
          Trust: Diagnostics, core Runs
          Inbound: Trust
          DependencyInjection: everything, core DependencyInjection

        LangSmith.Http.Export
          Diagnostics: core Diagnostics
          Model: Diagnostics, core Runs
          Queue: Model
          Transport: Model
          Pump: Queue, Transport
          (root): Pump
          DependencyInjection: everything, core DependencyInjection

        LangSmith.Http.Collector
          Model: core Runs
          Validation: Model
          Traces: Validation
          Web: Model
          Ingest: Web, Traces
          Api: Web, Traces
          Page: Web, Traces
          Hosting: everything, core DependencyInjection
        """;

    // Members that one file may use, by the beginning of the full name, and that file. Null: any file, but only one.
    private static readonly TestCaseData[] OnlyOnce =
    [
        new("System.Environment.GetEnvironmentVariable", null),
        new("System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value", null),
        new("System.Text.Json.Utf8JsonWriter.WriteRawValue", null),
        new("System.Text.Json.JsonWriterOptions..ctor", null),
    ];

    // Extension methods are in the namespace of what they extend.
    private static readonly string[] ExtensionNamespaces =
        ["Microsoft.AspNetCore.Builder", "Microsoft.Extensions.DependencyInjection", "System.Net.Http"];

    [Test, Order(0)]
    public void Sources_Bound_HaveNoErrors()
    {
        Failures.AssertNone(SourceModel.Current.Errors, "A name that does not resolve hides an arrow.");
        Assert.That(SourceModel.Current.References, Has.Count.GreaterThan(10_000));
    }

    [Test]
    public void Arrows_BetweenRooms_AreAllowed()
    {
        var rules = new ArrowRules(Rules);
        var arrows = SourceModel.Current.GetArrows();
        TestContext.Out.WriteLine("References from folder to folder:");
        foreach (var arrow in arrows)
            TestContext.Out.WriteLine($"  {arrow.From,-43} -> {arrow.To,-43} {arrow.References.Count,5}");
        var refused = arrows.Where(arrow => !rules.Allows(arrow)).Select(static arrow => arrow.Describe());
        Failures.AssertNone(refused, "The rules do not allow these arrows.");
    }

    [Test]
    public void Rules_Rooms_AreThoseOnDisk()
    {
        var ruled = new ArrowRules(Rules).Rooms.ToList();
        Failures.AssertNone(SourceModel.Current.Rooms.Except(ruled).Select(static room => $"{room} has no rule"));
        Failures.AssertNone(ruled.Except(SourceModel.Current.Rooms).Select(static room => $"{room} has a rule and no files"));
    }

    [Test]
    public void Arrows_BetweenRooms_HaveNoCycle()
    {
        var arrows = SourceModel.Current.GetArrows();
        Failures.AssertNone(RoomCycles.Find(arrows).Select(cycle =>
            $"{string.Join(" -> ", cycle.Shortest)}; these all reach each other: {string.Join(", ", cycle.Rooms)}\n    "
            + string.Join("\n    ", cycle.Shortest.Zip(cycle.Shortest.Skip(1), GetArrow).Select(static arrow => arrow.Describe()))));

        Arrow GetArrow(string from, string to) => arrows.Single(arrow => arrow.From == from && arrow.To == to);
    }

    [Test]
    public void Namespace_OfAnInternalType_IsItsFolder() => Failures.AssertNone(SourceModel.Current.Types
        .Where(static type => type.DeclaredAccessibility != Accessibility.Public)
        .SelectMany(static type => type.Locations.Select(location => (Type: type, Path: location.SourceTree!.FilePath)))
        .Where(static item => GetNamespace(item.Type) != item.Path[..item.Path.LastIndexOf('/')].Replace('/', '.'))
        .Select(static item => $"{item.Path}: {item.Type.Name} is in {GetNamespace(item.Type)}"));

    [Test]
    public void Namespace_OfAPublicType_IsWhereUsersLook() => Failures.AssertNone(SourceModel.Current.Types
        .Where(static type => type.DeclaredAccessibility == Accessibility.Public)
        .Where(static type => GetNamespace(type) != "LangSmith.Http")
        .Where(static type => !HasExtensions(type) || !ExtensionNamespaces.Contains(GetNamespace(type)))
        .Select(static type => type.ToDisplayString()));

    [TestCaseSource(nameof(OnlyOnce))]
    public void OneOfEach_Member_IsUsedInOneFile(string member, string? file)
    {
        var files = SourceModel.Current.References.Where(reference => reference.Symbol.StartsWith(member, StringComparison.Ordinal))
            .Select(static reference => reference.From.Path).Distinct().ToList();
        // JsonMarshal came with .NET 9; the sources have it behind #if.
        if (files.Count == 0 && member.Contains("JsonMarshal", StringComparison.Ordinal) && Environment.Version.Major < 9)
            return;

        if (files.Count != 1 || (file is not null && files[0] != file))
            Failures.AssertNone(files.DefaultIfEmpty("no file"), $"Only {file ?? "one file"} may use {member}.");
    }

    private static string GetNamespace(INamedTypeSymbol type) => type.ContainingNamespace.ToDisplayString();

    private static bool HasExtensions(INamedTypeSymbol type) =>
        type.IsStatic && (type.GetTypeMembers().Any(static block => block.IsExtension)
            || type.GetMembers().OfType<IMethodSymbol>().Any(static method => method.IsExtensionMethod));
}
