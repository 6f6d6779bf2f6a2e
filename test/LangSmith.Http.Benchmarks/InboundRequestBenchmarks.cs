using System.Net;
using System.Net.Sockets;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Benchmarks;

/// <summary>A whole request on a kept-alive loopback connection to Kestrel, with the middleware and without.</summary>
public class InboundRequestBenchmarks
{
    private readonly byte[] _buffer = new byte[4096];
    private WebApplication _app = null!;
    private Socket _socket = null!;
    private byte[] _request = null!;
    private int _responseLength;

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
        _socket.Dispose();
        _app.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Benchmark(Baseline = true, Description = "without the middleware, no headers")]
    public void Plain() => Send();

    [Benchmark(Description = "with it, no headers")]
    public void NoHeaders() => Send();

    [Benchmark(Description = "without the middleware, a caller's headers")]
    public void PlainHeaders() => Send();

    [Benchmark(Description = "with it, trusted")]
    public void Trusted() => Send();

    [Benchmark(Description = "with it, not trusted")]
    public void Untrusted() => Send();

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

        var text = new StringBuilder("GET / HTTP/1.1\r\nHost: localhost\r\n");
        foreach (var (name, value) in hasHeaders ? InboundBenchmarks.CallersHeaders() : new Dictionary<string, string>())
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        _request = Encoding.ASCII.GetBytes(text.Append("\r\n").ToString());
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(IPAddress.Loopback, new Uri(_app.Urls.Single()).Port);

        // All answers have the length of the first.
        _socket.Send(_request);
        do
            _responseLength += _socket.Receive(_buffer.AsSpan(_responseLength));
        while (!Encoding.ASCII.GetString(_buffer, 0, _responseLength).EndsWith("0\r\n\r\n", StringComparison.Ordinal));
    }

    private void Send()
    {
        _socket.Send(_request);
        for (var received = 0; received < _responseLength;)
            received += _socket.Receive(_buffer);
    }
}
