namespace LangSmith.Http.Tests.Runs;

/// <summary>What the environment says, and what wins over it.</summary>
[NonParallelizable]
public class EnvironmentTests
{
    private static readonly string[] Names =
    [
        "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING",
        "LANGSMITH_PROJECT", "LANGCHAIN_PROJECT", "LANGSMITH_SESSION", "LANGCHAIN_SESSION",
    ];

    private readonly Dictionary<string, string?> _before = [];

    [SetUp]
    public void SetUp()
    {
        foreach (var name in Names)
        {
            _before[name] = Environment.GetEnvironmentVariable(name);
            Environment.SetEnvironmentVariable(name, null);
        }
    }

    [TearDown]
    public void TearDown()
    {
        foreach (var (name, value) in _before)
            Environment.SetEnvironmentVariable(name, value);
    }

    [TestCase("", false)]
    [TestCase("LANGSMITH_TRACING=true", true)]
    [TestCase("LANGCHAIN_TRACING=true", true)]
    [TestCase("LANGSMITH_TRACING_V2=true", true)]
    [TestCase("LANGCHAIN_TRACING_V2=true", true)]
    [TestCase("LANGSMITH_TRACING=1", false)]
    [TestCase("LANGSMITH_TRACING=yes", false)]
    [TestCase("LANGSMITH_TRACING=false LANGCHAIN_TRACING=true", false)]
    [TestCase("LANGCHAIN_TRACING_V2=true LANGSMITH_TRACING=false", true)]
    [TestCase("LANGSMITH_TRACING_V2=false LANGCHAIN_TRACING_V2=true LANGSMITH_TRACING=true", false)]
    public void Tracing_NotSetInCode_IsTheEnvironments(string environment, bool isRecorded)
    {
        Set(environment);

        Assert.That(IsRecorded(new LangSmithOptions()), Is.EqualTo(isRecorded));
    }

    [TestCase("LANGSMITH_TRACING=true", false)]
    [TestCase("LANGSMITH_TRACING=false", true)]
    public void Tracing_SetInCode_WinsOverTheEnvironment(string environment, bool tracing)
    {
        Set(environment);

        Assert.That(IsRecorded(new LangSmithOptions { Tracing = tracing }), Is.EqualTo(tracing));
    }

    [Test]
    public void Tracing_KillSwitch_WinsOverTheEnvironment()
    {
        Set("LANGSMITH_TRACING=true");

        Assert.That(IsRecorded(new LangSmithOptions { Enabled = false }), Is.False);
    }

    [TestCase("", null, "default")]
    [TestCase("LANGCHAIN_SESSION=d", null, "d")]
    [TestCase("LANGCHAIN_SESSION=d LANGSMITH_SESSION=c", null, "c")]
    [TestCase("LANGCHAIN_SESSION=d LANGSMITH_SESSION=c LANGCHAIN_PROJECT=b", null, "b")]
    [TestCase("LANGCHAIN_SESSION=d LANGSMITH_SESSION=c LANGCHAIN_PROJECT=b LANGSMITH_PROJECT=a", null, "a")]
    [TestCase("LANGSMITH_PROJECT=a", "code", "code")]
    public void Project_CodeThenEnvironmentThenDefault(string environment, string? inCode, string expected)
    {
        Set(environment);
        var tracer = Recording.Tracer(new InMemoryRunRecorder(), project: inCode);

        using var scope = tracer.StartRun("run");

        Assert.That(scope.Run.Project, Is.EqualTo(expected));
    }

    [Test]
    public void Project_BlankInTheEnvironment_IsNone()
    {
        Environment.SetEnvironmentVariable("LANGSMITH_PROJECT", " ");
        Environment.SetEnvironmentVariable("LANGCHAIN_PROJECT", "next");

        using var scope = Recording.Tracer(new InMemoryRunRecorder(), project: null).StartRun("run");

        Assert.That(scope.Run.Project, Is.EqualTo("next"));
    }

    private static void Set(string environment)
    {
        foreach (var pair in environment.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            Environment.SetEnvironmentVariable(pair.Split('=')[0], pair.Split('=')[1]);
    }

    private static bool IsRecorded(LangSmithOptions options)
    {
        using var scope = new LangSmithTracer(new InMemoryRunRecorder(), options).StartRun("run");
        return scope.Run.IsRecorded;
    }
}
