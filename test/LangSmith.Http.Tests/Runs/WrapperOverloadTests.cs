namespace LangSmith.Http.Tests.Runs;

/// <summary>That this compiles is half of the test: each wrapper takes lambdas, async lambdas and method groups without a type argument.</summary>
public class WrapperOverloadTests
{
    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = Recording.Tracer(_recorder);
    }

    [Test]
    public async Task Traceable_LambdasAndMethodGroups_EachCallIsARun()
    {
        var results = new List<int>
        {
            _tracer.Traceable(() => 0, "f")(),
            _tracer.Traceable((int a) => a, "f")(1),
            _tracer.Traceable((int a, int b) => a + b, "f")(1, 1),
            _tracer.Traceable((int a, int b, int c) => a + b + c, "f")(1, 1, 1),
            _tracer.Traceable((int a, int b, int c, int d) => a + b + c + d, "f")(1, 1, 1, 1),
            _tracer.Traceable<int>(Zero, "f")(),
            _tracer.Traceable<int, int>(One, "f")(1),
            await _tracer.Traceable(async () => await Later(2), "f")(),
            await _tracer.Traceable(async (int a) => await Later(a), "f")(3),
            await _tracer.Traceable(async (int a, int b) => await Later(a + b), "f")(2, 2),
            await _tracer.Traceable(async (int a, int b, int c) => await Later(a + b + c), "f")(2, 2, 1),
            await _tracer.Traceable(async (int a, int b, int c, int d) => await Later(a + b + c + d), "f")(2, 2, 1, 1),
            await _tracer.Traceable<int, int>(Later, "f")(7),
        };
        await _tracer.Traceable(async () => await Task.Yield(), "f")();
        await _tracer.Traceable(async (int a) => await Later(a), "f")(1);
        await _tracer.Traceable(Nothing, "f")();
        await foreach (var item in _tracer.Traceable((int n) => Stream(n), "f")(8))
            results.Add(item);
        await foreach (var item in _tracer.Traceable<int, int>(Stream, "f")(9))
            results.Add(item);

        Assert.That(results, Is.EqualTo(new[] { 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }));
        Assert.That(_recorder.Runs, Has.Count.EqualTo(18).And.All.Property("EndTime").Not.Null);
    }

    [Test]
    public async Task TraceableValueTask_LambdasAndMethodGroups_EachCallIsARun()
    {
        var results = new List<int>
        {
            await _tracer.TraceableValueTask(async () => await Later(0), "f")(),
            await _tracer.TraceableValueTask(async (int a) => await Later(a), "f")(1),
            await _tracer.TraceableValueTask(async (int a, int b) => await Later(a + b), "f")(1, 1),
            await _tracer.TraceableValueTask(async (int a, int b, int c) => await Later(a + b + c), "f")(1, 1, 1),
            await _tracer.TraceableValueTask(async (int a, int b, int c, int d) => await Later(a + b + c + d), "f")(1, 1, 1, 1),
            await _tracer.TraceableValueTask<int, int>(Value, "f")(5),
        };
        await _tracer.TraceableValueTask(async () => await Task.Yield(), "f")();
        await _tracer.TraceableValueTask(async (int a) => await Task.Delay(a), "f")(0);
        await _tracer.TraceableValueTask(async (int a, int b) => await Task.Delay(a + b), "f")(0, 0);
        await _tracer.TraceableValueTask(async (int a, int b, int c) => await Task.Delay(a + b + c), "f")(0, 0, 0);
        await _tracer.TraceableValueTask(async (int a, int b, int c, int d) => await Task.Delay(a + b + c + d), "f")(0, 0, 0, 0);
        var failing = _tracer.TraceableValueTask(async (int a) =>
        {
            await Task.Delay(a);
            throw new IOException("gone");
        }, "fails");

        Assert.That(async () => await failing(0), Throws.InstanceOf<IOException>());
        Assert.Multiple(() =>
        {
            Assert.That(results, Is.EqualTo(new[] { 0, 1, 2, 3, 4, 5 }));
            Assert.That(_recorder.Runs, Has.Count.EqualTo(12).And.All.Property("EndTime").Not.Null);
            Assert.That(_recorder.Runs[1].Inputs.Text(), Is.EqualTo("""{"a":1}"""));
            Assert.That(_recorder.Runs[1].Outputs.Text(), Is.EqualTo("""{"output":1}"""));
            Assert.That(_recorder.Single("fails").Error, Does.StartWith("System.IO.IOException: gone"));
        });
    }

    [Test]
    public async Task RunAndRunAsync_LambdasAndMethodGroups_EachCallIsARun()
    {
        _tracer.Run("f", run => run.AddTags("a"));
        Assert.That(_tracer.Run("f", run => run.Name), Is.EqualTo("f"));
        Assert.That(_tracer.Run<string>("f", NameOf), Is.EqualTo("f"));
        await _tracer.RunAsync("f", async run => await Task.Yield());
        Assert.That(await _tracer.RunAsync("f", async run => await Later(1)), Is.EqualTo(1));
        Assert.That(await _tracer.RunAsync<string>("f", NameLater), Is.EqualTo("f"));

        Assert.That(_recorder.Runs, Has.Count.EqualTo(6));
    }

    private static int Zero() => 0;

    private static int One(int a) => a;

    private static async Task<int> Later(int value)
    {
        await Task.Yield();
        return value;
    }

    private static async Task Nothing() => await Task.Yield();

    private static async ValueTask<int> Value(int value)
    {
        await Task.Yield();
        return value;
    }

    private static async IAsyncEnumerable<int> Stream(int value)
    {
        await Task.Yield();
        yield return value;
    }

    private static string NameOf(RunTree run) => run.Name;

    private static Task<string> NameLater(RunTree run) => Task.FromResult(run.Name);
}
