using System.Diagnostics;

namespace LangSmith.Http.Interop.Tests;

/// <summary>The npm packages of the <c>node</c> folder, exactly those of its lock file. The benchmarks use them too.</summary>
internal static partial class NodePackages
{
    public static readonly string Folder = Repository.PathTo("test/LangSmith.Http.Interop.Tests/node");

    /// <summary>Installs the packages where they are missing or of another lock file.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no Node, or no npm.</exception>
    public static async Task InstallAsync()
    {
        await RunAsync("node", "--version");
        // Both frameworks' tests may run at once.
        using var held = await LockAsync(Repository.PathTo("test/LangSmith.Http.Interop.Tests/obj/npm.lock"));
        var wanted = await File.ReadAllTextAsync(Path.Combine(Folder, "package-lock.json"));
        var stamp = Path.Combine(Folder, "node_modules", ".installed-lock.json");
        if (File.Exists(stamp) && await File.ReadAllTextAsync(stamp) == wanted)
            return;
        await RunAsync(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", "ci");
        await File.WriteAllTextAsync(stamp, wanted);
    }

    private static async Task<FileStream> LockAsync(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(100, deadline.Token);
            }
        }
    }

    private static async Task RunAsync(string command, string argument)
    {
        using var process = Process.Start(new ProcessStartInfo(command, [argument])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            var errors = await process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"{command} {argument} in {Folder} ended with {process.ExitCode}:\n{await output}{errors}");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
