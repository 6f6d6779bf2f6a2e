using System.Diagnostics;
using System.Text;

namespace NodeInterop;

/// <summary>A program of the <c>node</c> folder. It writes to stdout what the example wants to know.</summary>
internal sealed class NodeProgram : IAsyncDisposable
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "node");
    private readonly Process _process;

    private NodeProgram(Process process) => _process = process;

    /// <summary>Installs what the lock file names, unless it is there.</summary>
    public static async Task InstallAsync()
    {
        using (var node = Process.Start(new ProcessStartInfo("node", "--version") { RedirectStandardOutput = true })!)
            await node.WaitForExitAsync();
        var installed = File.GetLastWriteTimeUtc(Path.Combine(Folder, "node_modules", ".package-lock.json"));
        if (installed >= File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json")))
            return;
        Console.WriteLine("npm ci, once");
        using var npm = Process.Start(new ProcessStartInfo(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", "ci") { WorkingDirectory = Folder })!;
        await npm.WaitForExitAsync();
        if (npm.ExitCode != 0)
            throw new InvalidOperationException($"npm ci failed in {Folder}.");
    }

    /// <summary>Starts a program as you would with <c>LANGSMITH_…</c> variables and <c>node script arguments</c>.</summary>
    public static NodeProgram Start(string script, Uri langSmith, params string[] arguments)
    {
        var start = new ProcessStartInfo("node", [script, .. arguments])
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        // Yours may name your account.
        foreach (var name in start.Environment.Keys.Where(name => name.Split('_')[0] is "LANGSMITH" or "LANGCHAIN").ToList())
            start.Environment.Remove(name);
        start.Environment["LANGSMITH_TRACING"] = "true";
        start.Environment["LANGSMITH_ENDPOINT"] = langSmith.ToString();
        start.Environment["LANGSMITH_API_KEY"] = "none";
        start.Environment["LANGSMITH_PROJECT"] = "from Node";
        return new NodeProgram(Process.Start(start)!);
    }

    public async Task<string> ReadLineAsync() =>
        await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The Node program has ended.");

    /// <summary>Lets it post its runs and end.</summary>
    public async Task EndAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
