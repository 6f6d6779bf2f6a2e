using System.IO.Compression;
using System.Xml.Linq;

namespace LangSmith.Http.Tests;

/// <summary>Packs all packages as a release does, then reads, restores and builds with the result.</summary>
public sealed class PackageTests
{
    private const string Core = "LangSmith.Http";

    // Unique for each run, because NuGet's global packages folder keeps the first package it sees of a version.
    private static readonly string Suffix = $"test-{DateTime.UtcNow:yyyyMMddHHmmssfff}";

    private static readonly string[] AllPackages =
    [
        .. Directory.GetDirectories(Repository.PathTo("src"))
            .SelectMany(static folder => Directory.GetFiles(folder, "*.csproj"))
            .Select(Path.GetFileNameWithoutExtension).Order()!,
    ];

    // Has its dependencies in itself.
    private const string Tool = "LangSmith.Http.Collector.Tool";

    private static readonly string[] Libraries = [.. AllPackages.Where(static id => id != Tool)];

    private static readonly string[] Dependents = [.. Libraries.Where(static id => id != Core)];

    private static readonly Dictionary<string, string[]> Dependencies = new()
    {
        [Core] = ["Microsoft.Extensions.Http"],
        ["LangSmith.Http.AspNetCore"] = [Core],
        ["LangSmith.Http.Collector"] = [Core],
        ["LangSmith.Http.Export"] =
        [
            Core,
            "Microsoft.Extensions.Diagnostics.HealthChecks",
            "Microsoft.Extensions.Hosting.Abstractions",
            "Polly.Core",
            "System.IO.Hashing",
        ],
    };

    private static readonly Dictionary<string, string> Uses = new()
    {
        [Core] = "services.AddLangSmith();",
        ["LangSmith.Http.AspNetCore"] = "services.AddLangSmithInbound(static options => options.StartRunPerRequest = true);",
        ["LangSmith.Http.Collector"] = "services.AddSingleton(new LangSmith.Http.LangSmithCollector());",
        ["LangSmith.Http.Export"] = "services.AddLangSmith().AddLangSmithExport();",
    };

    private TemporaryProjects _projects = null!;

    [OneTimeSetUp]
    public async Task PackAsync()
    {
        _projects = new TemporaryProjects();
        await _projects.PackAsync(AllPackages, Suffix);
    }

    [OneTimeTearDown]
    public void Delete() => _projects.Dispose();

    [TestCaseSource(nameof(AllPackages))]
    public void Package_OnAFeed_ShowsItsOwnPageAndWhereItComesFrom(string id)
    {
        using var package = ZipFile.OpenRead(_projects.PathToPackage(id, _projects.Version));
        var nuspec = ReadNuspec(package, id);

        string? Read(string name) => nuspec.Descendants().SingleOrDefault(element => element.Name.LocalName == name)?.Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ReadText(package.GetEntry("README.md")!), Is.EqualTo(File.ReadAllText(Repository.PathTo($"src/{id}/README.md"))));
            Assert.That(package.GetEntry("icon.png"), Is.Not.Null);
            Assert.That((Read("icon"), Read("readme"), Read("license")), Is.EqualTo(("icon.png", "README.md", "MIT")));
            Assert.That(Read("projectUrl"), Is.EqualTo(TemporaryProjects.RepositoryUrl));
            Assert.That(nuspec.Descendants().Single(static element => element.Name.LocalName == "repository").Attribute("url")!.Value,
                Is.EqualTo(TemporaryProjects.RepositoryUrl));
            Assert.That(Read("releaseNotes"), Does.Contain("LangSmithPropagationHandler").And.Not.Contain("# Changelog"));
            Assert.That(Read("description"), Does.EndWith("."));
            Assert.That(Read("tags"), Does.StartWith("langsmith "));
        }
    }

    [TestCaseSource(nameof(Libraries))]
    public void Nuspec_OfEachPackage_ListsTheExpectedDependencies(string id)
    {
        var groups = ReadDependencies(id);

        Assert.That(groups.Keys, Is.EquivalentTo(["net8.0", "net10.0"]));
        foreach (var (framework, dependencies) in groups)
            Assert.That(dependencies.Keys, Is.EquivalentTo(Dependencies[id]), framework);
    }

    [TestCaseSource(nameof(Dependents))]
    public void Nuspec_OfADependentPackage_AsksForExactlyTheCoresVersion(string id)
    {
        foreach (var (framework, dependencies) in ReadDependencies(id))
            Assert.That(dependencies[Core], Is.EqualTo($"[{_projects.Version}]"), framework);
    }

    [TestCaseSource(nameof(Dependents))]
    public async Task Restore_WithANewerCore_ReportsTheVersionConflict(string id)
    {
        var newer = _projects.CopyAsVersion(Core, $"0.1.1-{Suffix}");
        var project = _projects.CreateConsumer($"{id}.Newer", "net8.0", "", (id, _projects.Version), (Core, newer));

        var (_, output) = await TemporaryProjects.RunAsync(project, "restore");

        Assert.That(output, Does.Contain("NU1608").Or.Contain("NU1107"));
    }

    [TestCaseSource(nameof(Libraries))]
    public async Task Build_OfANet8Consumer_HasNoWarning(string id)
    {
        var use = $$"""
            using Microsoft.Extensions.DependencyInjection;

            public static class Consumer
            {
                public static void Use(IServiceCollection services) => {{Uses[id]}}
            }
            """;
        var project = _projects.CreateConsumer($"{id}.Net8", "net8.0", use, (id, _projects.Version));

        var (exitCode, output) = await TemporaryProjects.RunAsync(project, "build");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.Zero, output);
            Assert.That(output, Does.Not.Contain(": warning "));
        }
    }

    /// <summary>The version range of each dependency, for each target framework.</summary>
    private Dictionary<string, Dictionary<string, string>> ReadDependencies(string id)
    {
        using var package = ZipFile.OpenRead(_projects.PathToPackage(id, _projects.Version));
        return ReadNuspec(package, id).Descendants().Single(static element => element.Name.LocalName == "dependencies").Elements()
            .ToDictionary(
                static group => group.Attribute("targetFramework")!.Value,
                static group => group.Elements().ToDictionary(
                    static item => item.Attribute("id")!.Value,
                    static item => item.Attribute("version")!.Value));
    }

    private static XDocument ReadNuspec(ZipArchive package, string id)
    {
        using var nuspec = package.GetEntry($"{id}.nuspec")!.Open();
        return XDocument.Load(nuspec);
    }

    // Any bytes: what is not UTF-8 is replaced.
    private static string ReadText(ZipArchiveEntry entry)
    {
        using var reader = new StreamReader(entry.Open());
        return reader.ReadToEnd();
    }
}
