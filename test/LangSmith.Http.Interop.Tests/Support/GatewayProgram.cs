using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace LangSmith.Http.Interop.Tests;

/// <summary>The Gateway example as a process of its own, in front of a service of the test.</summary>
internal sealed class GatewayProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    private GatewayProgram(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    /// <summary>Starts the example and waits until it listens. It posts its runs to <paramref name="langSmith"/>.</summary>
    public static async Task<(GatewayProgram Program, Uri Address)> StartAsync(Uri service, Uri langSmith)
    {
        var configuration = typeof(GatewayProgram).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        var program = Repository.PathTo($"examples/Gateway/bin/{configuration}/net10.0/Gateway.dll");
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [program, "--service", service.ToString(), "--langsmith", langSmith.ToString()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The machine that runs the tests may have an account.
        foreach (var name in start.Environment.Keys.Where(static name => name.Split('_')[0] is "LANGSMITH" or "LANGCHAIN" or "OTEL").ToList())
            start.Environment.Remove(name);

        var gateway = new GatewayProgram(Process.Start(start)!);
        try
        {
            using var deadline = new CancellationTokenSource(Patience);
            var address = await gateway._process.StandardOutput.ReadLineAsync(deadline.Token)
                ?? throw new InvalidOperationException($"The Gateway example has ended: {gateway.Errors}");
            return (gateway, new Uri(address));
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>What the example wrote to stderr.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString().Trim();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
