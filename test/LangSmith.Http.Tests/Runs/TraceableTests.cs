using System.Linq.Expressions;

namespace LangSmith.Http.Tests.Runs;

/// <summary>Wrapped functions of every arity and kind of result.</summary>
public class TraceableTests
{
    private static readonly string[] InputsByArity =
    [
        "", """{"a":1}""", """{"a":1,"b":"two"}""", """{"a":1,"b":"two","c":true}""", """{"a":1,"b":"two","c":true,"d":null}""",
    ];

    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    /// <summary>Each calls a wrapped function and returns what it returned, or the elements it streamed, as text.</summary>
    private static IEnumerable<TestCaseData> Wrapped()
    {
        yield return Case(0, "T", (t, inside) => Task.FromResult(t.Traceable(() => inside(), "run")()));
        yield return Case(1, "T", (t, inside) => Task.FromResult(t.Traceable((int a) => inside(), "run")(1)));
        yield return Case(2, "T", (t, inside) => Task.FromResult(t.Traceable((int a, string b) => inside(), "run")(1, "two")));
        yield return Case(3, "T", (t, inside) => Task.FromResult(t.Traceable((int a, string b, bool c) => inside(), "run")(1, "two", true)));
        yield return Case(4, "T", (t, inside) => Task.FromResult(t.Traceable((int a, string b, bool c, object? d) => inside(), "run")(1, "two", true, null)));

        yield return Case(0, "Task", (t, inside) => Void(t.Traceable(async () => await Later(inside), "run")()));
        yield return Case(1, "Task", (t, inside) => Void(t.Traceable(async (int a) => await Later(inside), "run")(1)));
        yield return Case(2, "Task", (t, inside) => Void(t.Traceable(async (int a, string b) => await Later(inside), "run")(1, "two")));
        yield return Case(3, "Task", (t, inside) => Void(t.Traceable(async (int a, string b, bool c) => await Later(inside), "run")(1, "two", true)));
        yield return Case(4, "Task", (t, inside) => Void(t.Traceable(async (int a, string b, bool c, object? d) => await Later(inside), "run")(1, "two", true, null)));

        yield return Case(0, "Task<T>", (t, inside) => t.Traceable(() => Result(inside), "run")());
        yield return Case(1, "Task<T>", (t, inside) => t.Traceable((int a) => Result(inside), "run")(1));
        yield return Case(2, "Task<T>", (t, inside) => t.Traceable((int a, string b) => Result(inside), "run")(1, "two"));
        yield return Case(3, "Task<T>", (t, inside) => t.Traceable((int a, string b, bool c) => Result(inside), "run")(1, "two", true));
        yield return Case(4, "Task<T>", (t, inside) => t.Traceable((int a, string b, bool c, object? d) => Result(inside), "run")(1, "two", true, null));

        yield return Case(0, "IAsyncEnumerable<T>", (t, inside) => Read(t.Traceable(() => Stream(inside), "run")()));
        yield return Case(1, "IAsyncEnumerable<T>", (t, inside) => Read(t.Traceable((int a) => Stream(inside), "run")(1)));
        yield return Case(2, "IAsyncEnumerable<T>", (t, inside) => Read(t.Traceable((int a, string b) => Stream(inside), "run")(1, "two")));
        yield return Case(3, "IAsyncEnumerable<T>", (t, inside) => Read(t.Traceable((int a, string b, bool c) => Stream(inside), "run")(1, "two", true)));
        yield return Case(4, "IAsyncEnumerable<T>", (t, inside) => Read(t.Traceable((int a, string b, bool c, object? d) => Stream(inside), "run")(1, "two", true, null)));

        static TestCaseData Case(int arity, string result, Func<LangSmithTracer, Func<string>, Task<string>> call) =>
            new TestCaseData(arity, result, call).SetArgDisplayNames($"{arity} → {result}");

        static async Task Later(Func<string> inside)
        {
            await Task.Yield();
            inside();
        }

        static async Task<string> Void(Task task)
        {
            await task;
            return "";
        }

        static async Task<string> Result(Func<string> inside)
        {
            await Task.Yield();
            return inside();
        }

        static async IAsyncEnumerable<string> Stream(Func<string> inside)
        {
            await Task.Yield();
            yield return inside();
        }

        static async Task<string> Read(IAsyncEnumerable<string> stream)
        {
            var all = "";
            await foreach (var element in stream)
                all += element;
            return all;
        }
    }

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [TestCaseSource(nameof(Wrapped))]
    public async Task Traceable_Called_RecordsArgumentsByNameAndTheResult(int arity, string result, Func<LangSmithTracer, Func<string>, Task<string>> call)
    {
        RunTree? inside = null;

        var returned = await call(_tracer, () =>
        {
            inside = RunTree.Current;
            return "out";
        });

        var run = _recorder.Single("run");
        Assert.Multiple(() =>
        {
            Assert.That(inside!.Id, Is.EqualTo(run.Id), "current inside the function");
            Assert.That(run.Inputs.Text() ?? "", Is.EqualTo(InputsByArity[arity]));
            Assert.That(run.Outputs.Text(), Is.EqualTo(result switch
            {
                "Task" => null,
                "IAsyncEnumerable<T>" => """{"output":["out"]}""",
                _ => """{"output":"out"}""",
            }));
            Assert.That(returned, Is.EqualTo(result == "Task" ? "" : "out"));
            Assert.That(run.EndTime, Is.Not.Null);
        });
    }

    [TestCaseSource(nameof(Wrapped))]
    public void Traceable_Throws_RecordsTheErrorAndRethrowsItUntouched(int arity, string result, Func<LangSmithTracer, Func<string>, Task<string>> call)
    {
        var thrown = new InvalidOperationException("broken");

        var caught = Assert.CatchAsync(() => call(_tracer, () => throw thrown));

        Assert.Multiple(() =>
        {
            Assert.That(caught, Is.SameAs(thrown));
            Assert.That(_recorder.Single("run").Error, Does.StartWith("System.InvalidOperationException: broken"));
            Assert.That(_recorder.Single("run").Inputs.Text() ?? "", Is.EqualTo(InputsByArity[arity]));
        });
    }

    [TestCaseSource(nameof(Wrapped))]
    public async Task Traceable_NobodyRecords_StillReturns(int arity, string result, Func<LangSmithTracer, Func<string>, Task<string>> call)
    {
        var tracer = new LangSmithTracer(null, new LangSmithOptions { Tracing = false });

        Assert.That(await call(tracer, () => "out"), Is.EqualTo(result == "Task" ? "" : "out"), $"with {arity} arguments");
    }

    [Test]
    public void Traceable_TokensStreamsAndDelegates_AreNotCaptured()
    {
        using var stream = new MemoryStream();
        using var source = new CancellationTokenSource();
        var wrapped = _tracer.Traceable((string question, Stream body, CancellationToken token, Action<int> callback) => question, "run");

        wrapped("why?", stream, source.Token, _ => { });

        Assert.That(_recorder.Single("run").Inputs.Text(), Is.EqualTo("""{"question":"why?"}"""));
    }

    [Test]
    public void Traceable_OnlyATokenGiven_HasEmptyInputs()
    {
        _tracer.Traceable((CancellationToken token) => 1, "run")(CancellationToken.None);

        Assert.That(_recorder.Single("run").Inputs.Text() ?? "{}", Is.EqualTo("{}"));
    }

    [Test]
    public void Traceable_MethodGroups_KnowTheirParametersNames()
    {
        var prefix = "an extension's first argument is no input";
        Func<int, string> closed = prefix.Clip;

        _tracer.Traceable<string, string>(Shout, "static")("a");
        _tracer.Traceable<string, string>(Ask, "instance")("b");
        _tracer.Traceable(closed, "closed")(2);
        _tracer.Traceable<string, int, string>(Extensions.Clip, "open")("text", 1);

        Assert.That(_recorder.Runs.Select(run => run.Inputs.Text()), Is.EqualTo(new[]
        {
            """{"text":"a"}""", """{"question":"b"}""", """{"length":2}""", """{"text":"text","length":1}""",
        }));
    }

    [Test]
    public void Traceable_CompiledExpressionAndOpenInstanceDelegate_FallBackToPositions()
    {
        Expression<Func<int, int>> expression = number => number + 1;
        var open = typeof(string).GetMethod(nameof(string.Trim), [])!.CreateDelegate<Func<string, string>>();

        Assert.That(_tracer.Traceable(expression.Compile(), "compiled")(1), Is.EqualTo(2));
        Assert.That(_tracer.Traceable(open, "open")(" a "), Is.EqualTo("a"));

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Single("compiled").Inputs.Text(), Is.AnyOf("""{"number":1}""", """{"arg0":1}"""));
            Assert.That(_recorder.Single("open").Inputs.Text(), Is.EqualTo("""{"arg0":" a "}"""));
        });
    }

    [Test]
    public void Traceable_WithOptions_EachCallIsARunOfThatKind()
    {
        var wrapped = _tracer.Traceable(() => 1, "run", new RunOptions { RunType = RunTypes.Tool, Tags = ["t"] });

        wrapped();
        wrapped();

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Runs.Select(run => run.RunType), Is.EqualTo(new[] { "tool", "tool" }));
            Assert.That(_recorder.Runs.SelectMany(run => run.Tags), Is.EqualTo(new[] { "t", "t" }));
            Assert.That(_recorder.Runs.Select(run => run.Id), Is.Unique);
        });
    }

    [Test]
    public void Traceable_ReturnsAValueTask_IsRefusedWithTheRemedy()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => _tracer.Traceable(() => new ValueTask<int>(1), "ask"), Refused());
            Assert.That(() => _tracer.Traceable(() => ValueTask.CompletedTask, "ask"), Refused());
            Assert.That(() => _tracer.Traceable((int a) => new ValueTask<int>(a), "ask"), Refused());
            Assert.That(() => _tracer.Traceable((int a, int b, int c, int d) => new ValueTask<int>(a), "ask"), Refused());
        });

        static NUnit.Framework.Constraints.IResolveConstraint Refused() =>
            Throws.ArgumentException.With.Message.Contains("'ask'").And.Message.Contains("TraceableValueTask").And.Property("ParamName").EqualTo("func");
    }

    [Test]
    public void Traceable_NoFunction_Throws()
    {
        Assert.That(() => _tracer.Traceable((Func<int>)null!, "run"), Throws.ArgumentNullException);
        Assert.That(() => _tracer.Traceable((Func<int, IAsyncEnumerable<int>>)null!, "run"), Throws.ArgumentNullException);
    }

    [Test]
    public async Task Traceable_Stream_TakesItsArgumentsWhenCalledAndRunsWhenRead()
    {
        var list = new List<int> { 1 };
        var stream = _tracer.Traceable((List<int> numbers) => Each(numbers), "run")(list);
        list.Add(2);
        Assert.That(_recorder.Runs, Is.Empty);

        await foreach (var unused in stream)
        {
        }

        Assert.That(_recorder.Single("run").Inputs.Text(), Is.EqualTo("""{"numbers":[1]}"""));

        static async IAsyncEnumerable<int> Each(List<int> numbers)
        {
            await Task.Yield();
            foreach (var number in numbers)
                yield return number;
        }
    }

    private static string Shout(string text) => text + "!";

    private string Ask(string question) => question + _recorder.Runs.Count;
}

internal static class Extensions
{
    internal static string Clip(this string text, int length) => text[..length];
}
