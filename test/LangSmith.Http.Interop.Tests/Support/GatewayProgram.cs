using System.Diagnostics;
using System.Reflection;

namespace LangSmith.Http.Interop.Tests;

/// <summary>The Gateway example as a process of its own, in front of a service of the test.</summary>
internal sealed class GatewayProgram : ChildProgram
{
    private GatewayProgram(ProcessStartInfo start)
        : base(start)
    {
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
        RemoveAccount(start);
        var gateway = new GatewayProgram(start);
        try
        {
            return (gateway, new Uri(await gateway.ReadLineAsync()));
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }
}
