using System.Text.Json.Nodes;

namespace LangSmith.Http.Interop.Tests;

/// <summary>What the lock files pin. Needs no Node.</summary>
public sealed class NodePackagesTests
{
    [TestCase("test/LangSmith.Http.Interop.Tests/node")]
    [TestCase("examples/NodeInterop/node")]
    public void LockFile_PinsTheSdkAndNamesNoRegistry(string folder)
    {
        var packages = JsonNode.Parse(File.ReadAllText(Repository.PathTo($"{folder}/package-lock.json")))!["packages"]!.AsObject();

        Assert.That((string?)packages["node_modules/langsmith"]?["version"], Is.EqualTo("0.12.0"));
        Assert.That(packages[""]!["dependencies"]!.AsObject().Select(static pair => pair.Key), Is.EqualTo(new[] { "express", "langsmith" }));
        var installed = packages.Where(static pair => pair.Key.Length > 0).ToList();
        Assert.That(installed, Has.Count.GreaterThan(2));
        Assert.That(installed.Where(static pair => pair.Value!["integrity"] is null).Select(static pair => pair.Key), Is.Empty);
        Assert.That(installed.Where(static pair => pair.Value!["resolved"] is not null).Select(static pair => pair.Key), Is.Empty, "an address that may exist only here");
    }
}
