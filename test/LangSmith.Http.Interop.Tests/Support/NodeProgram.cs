using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A running program of the <c>node</c> folder. Its SDK posts to a <see cref="RunSink"/>.</summary>
internal sealed class NodeProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    private NodeProgram(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
                _errors.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    /// <summary>What the program wrote to stderr, where the SDK warns too.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString().Trim();
        }
    }

    public static NodeProgram Start(string script, Uri endpoint, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("node", [script])
        {
            WorkingDirectory = NodePackages.Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = Utf8,
            StandardOutputEncoding = Utf8,
            StandardErrorEncoding = Utf8,
        };
        // Whoever runs the tests may have an account.
        foreach (var name in start.Environment.Keys.Where(static name => name.Split('_')[0] is "LANGSMITH" or "LANGCHAIN" or "OTEL").ToList())
            start.Environment.Remove(name);
        start.Environment["LANGSMITH_TRACING"] = "true";
        start.Environment["LANGSMITH_ENDPOINT"] = endpoint.ToString();
        start.Environment["LANGSMITH_API_KEY"] = "none";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new NodeProgram(Process.Start(start)!);
    }

    /// <summary>Waits for the port a server prints when it listens.</summary>
    public async Task<Uri> ListensAsync() => new($"http://127.0.0.1:{int.Parse(await ReadLineAsync(), CultureInfo.InvariantCulture)}");

    /// <summary>Makes a server post every run it has ended.</summary>
    public async Task FlushAsync()
    {
        await _process.StandardInput.WriteLineAsync("flush");
        await _process.StandardInput.FlushAsync();
        Assert.That(await ReadLineAsync(), Is.EqualTo("flush"));
    }

    /// <summary>Gives a program all of its input, and waits until it has ended.</summary>
    public async Task<string[]> CompleteAsync(IEnumerable<string> input)
    {
        foreach (var line in input)
            await _process.StandardInput.WriteLineAsync(line);
        _process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(Patience);
        var output = await _process.StandardOutput.ReadToEndAsync(deadline.Token);
        await _process.WaitForExitAsync(deadline.Token);
        Assert.That(_process.ExitCode, Is.Zero, Errors);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<string> ReadLineAsync()
    {
        using var deadline = new CancellationTokenSource(Patience);
        return await _process.StandardOutput.ReadLineAsync(deadline.Token) ?? throw new InvalidOperationException("The Node program has ended: " + Errors);
    }
}
