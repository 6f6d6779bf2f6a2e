using System.Diagnostics;
using System.Text;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A program that a test started. It ends with the test.</summary>
internal abstract class ChildProgram : IAsyncDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly StringBuilder _errors = new();

    protected ChildProgram(ProcessStartInfo start)
    {
        Process = Process.Start(start)!;
        Process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        Process.BeginErrorReadLine();
    }

    /// <summary>What the program wrote to stderr.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString().Trim();
        }
    }

    protected Process Process { get; }

    public async ValueTask DisposeAsync()
    {
        Process.Kill(entireProcessTree: true);
        await Process.WaitForExitAsync();
        Process.Dispose();
    }

    // The machine that runs the tests may have an account.
    protected static void RemoveAccount(ProcessStartInfo start)
    {
        string[] prefixes = ["LANGSMITH_", "LANGCHAIN_", "OTEL_"];
        foreach (var name in start.Environment.Keys.ToList())
        {
            if (prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
                start.Environment.Remove(name);
        }
    }

    protected async Task<string> ReadLineAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        return await Process.StandardOutput.ReadLineAsync(deadline.Token)
            ?? throw new InvalidOperationException($"The program has ended: {Errors}");
    }
}
