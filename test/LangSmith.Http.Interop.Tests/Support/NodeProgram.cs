using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A running program of the <c>node</c> folder. Its SDK posts to a <see cref="RunSink"/>.</summary>
internal sealed class NodeProgram : ChildProgram
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private NodeProgram(ProcessStartInfo start)
        : base(start)
    {
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
        RemoveAccount(start);
        start.Environment["LANGSMITH_TRACING"] = "true";
        start.Environment["LANGSMITH_ENDPOINT"] = endpoint.ToString();
        start.Environment["LANGSMITH_API_KEY"] = "none";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new NodeProgram(start);
    }

    /// <summary>Waits for the port a server prints when it listens.</summary>
    public async Task<Uri> ListensAsync() => new($"http://127.0.0.1:{int.Parse(await ReadLineAsync(), CultureInfo.InvariantCulture)}");

    /// <summary>Makes a server post every run it has ended.</summary>
    public async Task FlushAsync()
    {
        await Process.StandardInput.WriteLineAsync("flush");
        await Process.StandardInput.FlushAsync();
        Assert.That(await ReadLineAsync(), Is.EqualTo("flush"));
    }

    /// <summary>Gives a program all of its input, and waits until it has ended.</summary>
    public async Task<string[]> CompleteAsync(IEnumerable<string> input)
    {
        foreach (var line in input)
            await Process.StandardInput.WriteLineAsync(line);
        Process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(Patience);
        var output = await Process.StandardOutput.ReadToEndAsync(deadline.Token);
        await Process.WaitForExitAsync(deadline.Token);
        Assert.That(Process.ExitCode, Is.Zero, Errors);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
