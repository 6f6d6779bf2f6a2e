using System.Net;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Benchmarks;

/// <summary>A whole request on a kept-alive loopback connection to Kestrel, with the middleware and without.</summary>
public class InboundRequestBenchmarks
{
    private WebApplication _app = null!;
    private KeptAliveConnection _connection = null!;

    [GlobalSetup(Target = nameof(Plain))]
    public void SetUpPlain() => SetUp(null, hasHeaders: false);

    [GlobalSetup(Target = nameof(PlainHeaders))]
    public void SetUpPlainHeaders() => SetUp(null, hasHeaders: true);

    [GlobalSetup(Target = nameof(NoHeaders))]
    public void SetUpNoHeaders() => SetUp(static trust => trust.FromAnyone(), hasHeaders: false);

    [GlobalSetup(Target = nameof(Trusted))]
    public void SetUpTrusted() => SetUp(static trust => trust.FromAnyone(), hasHeaders: true);

    [GlobalSetup(Target = nameof(Untrusted))]
    public void SetUpUntrusted() => SetUp(static trust => trust.FromNetworks("10.0.0.0/8"), hasHeaders: true);

    [GlobalCleanup]
    public void CleanUp()
    {
        _connection.Dispose();
        _app.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Benchmark(Baseline = true, Description = "without the middleware, no headers")]
    public void Plain() => _connection.Send();

    [Benchmark(Description = "with it, no headers")]
    public void NoHeaders() => _connection.Send();

    [Benchmark(Description = "without the middleware, a caller's headers")]
    public void PlainHeaders() => _connection.Send();

    [Benchmark(Description = "with it, trusted")]
    public void Trusted() => _connection.Send();

    [Benchmark(Description = "with it, not trusted")]
    public void Untrusted() => _connection.Send();

    private void SetUp(Action<InboundTrust>? trust, bool hasHeaders)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        if (trust is not null)
            InboundBenchmarks.AddServices(builder.Services, trust);
        _app = builder.Build();
        if (trust is not null)
            _app.UseLangSmithTracing();
        _app.MapGet("/", static () => "answer");
        _app.StartAsync().GetAwaiter().GetResult();

        _connection = new KeptAliveConnection(new Uri(_app.Urls.Single()).Port, headers: hasHeaders ? InboundBenchmarks.CallersHeaders() : null);
    }
}
