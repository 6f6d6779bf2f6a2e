using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Benchmarks;

/// <summary>A LangSmith that takes everything and looks at nothing, in a process of its own.</summary>
internal sealed class LangSmithStandIn : IDisposable
{
    /// <summary>The hidden argument of the process.</summary>
    internal const string Argument = "--langsmith";

    private readonly Process _process;

    internal LangSmithStandIn()
    {
        _process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["requests", Argument]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Address = new Uri(_process.StandardOutput.ReadLine()!);
    }

    internal Uri Address { get; }

    /// <summary>The process itself. It ends with its standard input, and so with whoever started it.</summary>
    internal static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.MapGet("/info", static () => TypedResults.Text("""{"batch_ingest_config":{"use_multipart_endpoint":true,"size_limit":100,"size_limit_bytes":20971520},"instance_flags":{"gzip_body_enabled":true}}""", "application/json"));
        app.MapPost("/runs/multipart", static async (HttpContext context) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = StatusCodes.Status202Accepted;
        });
        await app.StartAsync();
        Console.WriteLine(app.Urls.Single());
        await Console.In.ReadToEndAsync();
    }

    public void Dispose()
    {
        _process.StandardInput.Dispose();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>A LangSmith that accepts connections and says nothing, ever.</summary>
internal sealed class BlackHole : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _held = [];

    internal BlackHole()
    {
        _listener.Start();
        _ = HoldAsync();
    }

    internal Uri Address => new($"http://{_listener.LocalEndpoint}");

    public void Dispose()
    {
        _listener.Dispose();
        _held.ForEach(static socket => socket.Dispose());
    }

    private async Task HoldAsync()
    {
        try
        {
            while (true)
                _held.Add(await _listener.AcceptSocketAsync());
        }
        catch (SystemException)
        {
            // Stopped.
        }
    }
}
