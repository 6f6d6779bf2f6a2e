using BenchmarkDotNet.Attributes;

namespace LangSmith.Http.Benchmarks;

/// <summary>Start and end of a run.</summary>
public class RunBenchmarks
{
    [GlobalSetup(Target = nameof(Child))]
    public void SetUpChild() => Samples.EnterRun();

    [Benchmark(Baseline = true, Description = "not recorded")]
    public void NotRecorded() => Samples.NotRecording.StartRun("ask").Dispose();

    [Benchmark(Description = "root, recorder does nothing")]
    public void Root() => Samples.Recording.StartRun("ask").Dispose();

    [Benchmark(Description = "child of depth 6, recorder does nothing")]
    public void Child() => Samples.Recording.StartRun("ask").Dispose();

    [Benchmark(Description = "root with inputs and outputs, recorder does nothing")]
    public void RootWithPayload()
    {
        using var scope = Samples.Recording.StartRun("ask", new { question = "why is the sky blue?", attempt = 1 });
        scope.Run.End("because of Rayleigh scattering");
    }
}
