using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The middleware alone, next to the same pipeline without it. Where there is nothing of ours one context is used again
/// and again, otherwise each request has a new one.
/// </summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class InboundBenchmarks
{
    private readonly DefaultHttpContext _context = new();
    private readonly DefaultHttpContext _contextWithBaggage = new();
    private readonly RequestDelegate _plain = Pipeline(null);
    private readonly RequestDelegate _trusting = Pipeline(static trust => trust.FromAnyone());
    private readonly RequestDelegate _distrusting = Pipeline(static trust => trust.FromNetworks("10.0.0.0/8"));
    private IReadOnlyDictionary<string, string> _headers = null!;

    /// <summary>The headers a request of another service has, its run current in no flow of this process.</summary>
    internal static IReadOnlyDictionary<string, string> CallersHeaders() =>
        Task.Run(static () => Samples.EnterRun().ToHeaders()).GetAwaiter().GetResult();

    internal static void AddServices(IServiceCollection services, Action<InboundTrust> trust) => services
        .AddSingleton<IRunRecorder, InMemoryRunRecorder>()
        .AddLangSmith(static options => options.Tracing = true)
        .AddLangSmithInbound(options => trust(options.Trust));

    [GlobalSetup]
    public void SetUp()
    {
        _contextWithBaggage.Request.Headers.Baggage = "tenant=7,userId=u-12345";
        _headers = CallersHeaders();
    }

    [BenchmarkCategory("1 no headers"), Benchmark(Baseline = true, Description = "without the middleware")]
    public Task Plain() => _plain(_context);

    [BenchmarkCategory("1 no headers"), Benchmark(Description = "with it")]
    public Task NoHeaders() => _trusting(_context);

    [BenchmarkCategory("2 baggage of others"), Benchmark(Baseline = true, Description = "without the middleware")]
    public Task PlainBaggage() => _plain(_contextWithBaggage);

    [BenchmarkCategory("2 baggage of others"), Benchmark(Description = "with it")]
    public Task Baggage() => _trusting(_contextWithBaggage);

    [BenchmarkCategory("3 a caller's run"), Benchmark(Baseline = true, Description = "without the middleware: a context, two headers")]
    public Task PlainHeaders() => _plain(NewContext());

    [BenchmarkCategory("3 a caller's run"), Benchmark(Description = "trusted")]
    public Task Trusted() => _trusting(NewContext());

    [BenchmarkCategory("3 a caller's run"), Benchmark(Description = "not trusted")]
    public Task Untrusted() => _distrusting(NewContext());

    private static RequestDelegate Pipeline(Action<InboundTrust>? trust)
    {
        var services = new ServiceCollection();
        services.AddLogging(static logging => logging.SetMinimumLevel(LogLevel.Information));
        if (trust is not null)
            AddServices(services, trust);
        var app = new ApplicationBuilder(services.BuildServiceProvider());
        if (trust is not null)
            app.UseLangSmithTracing();
        app.Run(static _ => Task.CompletedTask);
        return app.Build();
    }

    private DefaultHttpContext NewContext()
    {
        var context = new DefaultHttpContext();
        foreach (var (name, value) in _headers)
            context.Request.Headers[name] = value;
        return context;
    }
}
