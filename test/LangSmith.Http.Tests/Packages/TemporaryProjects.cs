using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LangSmith.Http.Tests;

/// <summary>A folder outside the repository, with packages and projects that use them.</summary>
internal sealed partial class TemporaryProjects : IDisposable
{
    public const string RepositoryUrl = "https://example.org/langsmith-http";

    private static readonly TimeSpan MaxTime = TimeSpan.FromMinutes(10);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("langsmith-http-packages-");

    /// <summary>The version of the packages.</summary>
    public string Version { get; private set; } = "";

    private string Feed => Path.Combine(_folder.FullName, "feed");

    public string PathToPackage(string id, string version) => Path.Combine(Feed, $"{id}.{version}.nupkg");

    /// <summary>Packs projects of the repository, whose bin and obj folders stay as they are.</summary>
    public async Task PackAsync(IReadOnlyList<string> ids, string versionSuffix)
    {
        // One build for all packages, so that the core is compiled once.
        var filter = Path.Combine(_folder.FullName, "packages.slnf");
        var projects = ids.Select(static id => $@"src\{id}\{id}.csproj");
        var solution = new { path = Repository.PathTo("LangSmith.Http.sln"), projects };
        await File.WriteAllTextAsync(filter, JsonSerializer.Serialize(new { solution }));
        var (exitCode, output) = await RunAsync(
            filter,
            "pack",
            "--artifacts-path", Path.Combine(_folder.FullName, "artifacts"),
            $"-p:PackageOutputPath={Feed}",
            $"-p:VersionSuffix={versionSuffix}",
            // As a release does.
            "-p:ContinuousIntegrationBuild=true",
            $"-p:PublicRepositoryUrl={RepositoryUrl}",
            "-p:IncludeSymbols=false",
            // The build of the solution runs the analyzers.
            "-p:RunAnalyzers=false");
        Assert.That(exitCode, Is.Zero, output);
        var prefix = $"{ids[0]}.";
        Version = Directory.GetFiles(Feed, $"{prefix}*.nupkg")
            .Select(package => Path.GetFileNameWithoutExtension(package)[prefix.Length..])
            .Single(static rest => char.IsAsciiDigit(rest[0]));
    }

    /// <summary>Copies a package and changes its version only.</summary>
    /// <returns>The copy's version.</returns>
    public string CopyAsVersion(string id, string version)
    {
        var copy = PathToPackage(id, version);
        if (File.Exists(copy))
            return version;
        File.Copy(PathToPackage(id, Version), copy);
        using var package = ZipFile.Open(copy, ZipArchiveMode.Update);
        var entry = package.GetEntry($"{id}.nuspec")!;
        string nuspec;
        using (var reader = new StreamReader(entry.Open()))
            nuspec = reader.ReadToEnd();
        entry.Delete();
        using var writer = new StreamWriter(package.CreateEntry($"{id}.nuspec").Open());
        writer.Write(VersionElement().Replace(nuspec, $"<version>{version}</version>", 1));
        return version;
    }

    /// <summary>Creates a library that references packages.</summary>
    /// <returns>The path of the project file.</returns>
    public string CreateConsumer(string name, string framework, string code, params (string Id, string Version)[] packages)
    {
        var folder = _folder.CreateSubdirectory(name).FullName;
        var references = string.Concat(packages.Select(
            static package => $"""<PackageReference Include="{package.Id}" Version="{package.Version}" />"""));
        // Restores from the machine's sources, reads the packages it already has, and keeps the packed ones out of its cache.
        File.WriteAllText(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>{framework}</TargetFramework>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestoreAdditionalProjectSources>{Feed}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{Path.Combine(_folder.FullName, "packages")}</RestorePackagesPath>
                <RestoreAdditionalProjectFallbackFolders>{GlobalPackages()}</RestoreAdditionalProjectFallbackFolders>
              </PropertyGroup>
              <ItemGroup>{references}</ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Consumer.cs"), code);
        return Path.Combine(folder, $"{name}.csproj");
    }

    /// <summary>Runs <c>dotnet</c>; kills it after some minutes.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string project, string command, params string[] arguments)
    {
        // Servers that outlive the command keep its output open.
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [command, project, "--disable-build-servers", "-nologo", "-tl:off", .. arguments])
        {
            WorkingDirectory = Path.GetDirectoryName(project),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The test host may run inside MSBuild, whose variables change what a child builds.
        var inherited = start.Environment.Keys.Where(static name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase));
        foreach (var name in inherited.ToList())
            start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(MaxTime);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
            var errors = process.StandardError.ReadToEndAsync(timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return (process.ExitCode, await output + await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string GlobalPackages() =>
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    [GeneratedRegex("<version>[^<]*</version>")]
    private static partial Regex VersionElement();
}
