using System.ComponentModel;

namespace LangSmith.Http.Interop.Tests;

internal static partial class NodePackages
{
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    /// <summary>
    /// Installs the packages, once. A machine without Node skips the test, and fails it where <c>CI</c> is <c>true</c>.
    /// </summary>
    public static async Task RequireAsync()
    {
        try
        {
            await Installed.Value;
        }
        catch (Win32Exception exception) when (Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail($"Node.js is required where CI is true: {exception.Message}");
        }
        catch (Win32Exception exception)
        {
            Assert.Ignore($"Node.js and npm are needed to talk to the JavaScript SDK: {exception.Message}");
        }
    }
}
