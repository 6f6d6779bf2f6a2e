using System.Net;
using NUnit.Framework.Interfaces;

namespace LangSmith.Http.Interop.Tests;

/// <summary>What every test with Node programs needs: the packages, somebody who keeps the runs, and an end to the programs.</summary>
public abstract class NodeTests
{
    /// <summary>What must arrive as it was sent, in metadata, project and, without the comma, tags.</summary>
    private protected static readonly string[] Texts =
    [
        "plain",
        "emoji 🎉👩‍👩‍👧, astral 𝔘𝔫𝔦",
        "日本語、中文, 한국어, عربى",
        """ "double", 'single', `back`, \back\slash, {"json":[1,2]} """,
        "a=b; c=d, 100% %41 %zz + & <tag> /path?q#f !*()~",
        "line\nbreak, tab\t, nul\0, del\u007f, nbsp\u00a0",
    ];

    private readonly List<NodeProgram> _programs = [];

    private protected RunSink Sink { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task RequireNodeAsync()
    {
        await NodePackages.RequireAsync();
        // Everything is on loopback, whatever HTTP_PROXY says.
        HttpClient.DefaultProxy = new WebProxy();
    }

    [SetUp]
    public async Task StartSinkAsync() => Sink = await RunSink.StartAsync();

    [TearDown]
    public async Task EndProgramsAsync()
    {
        foreach (var program in _programs)
        {
            await program.DisposeAsync();
            if (TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Failed)
                await TestContext.Out.WriteLineAsync("Node wrote to stderr: " + program.Errors);
        }

        _programs.Clear();
        await Sink.DisposeAsync();
    }

    /// <summary>Starts a program that posts as <paramref name="service"/>.</summary>
    private protected NodeProgram Start(string script, string service, params (string Name, string Value)[] environment)
    {
        var program = NodeProgram.Start(script, Sink.EndpointOf(service), environment);
        _programs.Add(program);
        return program;
    }

    /// <summary>Everything posted by Node, and nothing to warn of.</summary>
    private protected IReadOnlyList<TracedRun> PostedRuns()
    {
        foreach (var program in _programs)
            Assert.That(program.Errors, Is.Empty);
        return Sink.Runs;
    }

    private protected static string WithoutComma(string text) => text.Replace(',', ';');
}
