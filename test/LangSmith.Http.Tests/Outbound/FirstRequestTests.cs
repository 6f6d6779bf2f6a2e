using System.Diagnostics;
using System.Reflection;

namespace LangSmith.Http.Tests;

/// <summary>The first request of a process: the runtime creates its diagnostic listener there.</summary>
public sealed class FirstRequestTests : TwoOrigins
{
    [Test]
    public async Task Send_FirstRequestUnderAnObserver_HasATraceparent()
    {
        var configuration = typeof(FirstRequestTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        using var process = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Repository.PathTo($"test/LangSmith.Http.JobProcess/bin/{configuration}/net10.0/LangSmith.Http.JobProcess.dll"), $"{First.Origin}ok?case=job", "observed"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteAsync("{}");
        process.StandardInput.Close();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.That(process.ExitCode, Is.Zero, errors);
        var received = First.Received("job").Single();
        Assert.That((received["traceparent"].Count, received["langsmith-trace"].Count), Is.EqualTo((1, 1)));
    }
}
