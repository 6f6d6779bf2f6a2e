using BenchmarkDotNet.Attributes;

namespace LangSmith.Http.Benchmarks;

/// <summary>The two headers of a run of depth 5 with 5 metadata keys, written and read.</summary>
public class CodecBenchmarks
{
    private readonly RunContext _context = Samples.EnterRun().Context;
    private Dictionary<string, string> _headers = null!;

    [GlobalSetup]
    public void SetUp() => _headers = new Dictionary<string, string>(_context.ToHeaders());

    [Benchmark(Description = "encode, first time")]
    public object Encode() =>
        new RunContext(_context.Identity, _context.Tags, _context.Metadata).GetHeaders(HeaderFormat.Default);

    [Benchmark(Description = "ToHeaders(), cached")]
    public object ToHeaders() => _context.ToHeaders();

    [Benchmark(Description = "FromHeaders, metadata not read")]
    public object? Decode() => RunContext.FromHeaders(_headers);

    [Benchmark(Description = "FromHeaders, metadata read")]
    public int DecodeWithMetadata() => RunContext.FromHeaders(_headers)!.Metadata.Count;
}
