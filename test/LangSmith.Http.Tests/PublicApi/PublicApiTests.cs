using System.Reflection;

namespace LangSmith.Http.Tests;

/// <summary>A change of the public surface is a visible diff: of the approved file beside this one.</summary>
public sealed class PublicApiTests
{
    private static readonly Assembly[] Packages =
    [
        typeof(RunContext).Assembly,
        typeof(InboundTracing).Assembly,
        typeof(LangSmithCollector).Assembly,
        typeof(LangSmithExporter).Assembly,
    ];

    [TestCaseSource(nameof(Packages))]
    public void PublicApi_ComparedWithTheApprovedFile_IsTheSame(Assembly package)
    {
        var approved = Repository.PathTo($"test/LangSmith.Http.Tests/PublicApi/{package.GetName().Name}.approved.txt");
        var actual = ApiPrinter.Print(package);
        var received = Path.ChangeExtension(approved, ".received.txt").Replace(".approved", "", StringComparison.Ordinal);
        var expected = File.Exists(approved) ? File.ReadAllText(approved) : "";
        if (actual == expected)
            return;
        File.WriteAllText(received, actual);
        Assert.That(actual, Is.EqualTo(expected), $"If the change is meant, move {received} over {approved}.");
    }

    [Test]
    public void PublicApi_MethodsThatReturnTasks_TakeWhatTheyRun()
    {
        // State set in an async method is gone when it returns: no API may pretend otherwise.
        var scopes = Packages.SelectMany(static package => package.GetExportedTypes())
            .SelectMany(static type => type.GetMethods())
            .Where(static method => method.ReturnType.IsGenericType && method.ReturnType.GetGenericTypeDefinition() == typeof(Task<>))
            .Where(static method => typeof(IDisposable).IsAssignableFrom(method.ReturnType.GetGenericArguments()[0]));
        Assert.That(scopes, Is.Empty);
    }
}
