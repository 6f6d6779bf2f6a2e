using System.Runtime.Loader;

namespace LangSmith.Http.Diagnostics;

/// <summary>
/// Disposes what the process would keep after the library's <see cref="AssemblyLoadContext"/> unloads: subscriptions, meters and
/// activity sources are in lists of the runtime, and would keep a plug-in in memory.
/// </summary>
internal static class Unloading
{
    /// <summary>Disposes when the context unloads. The default context never does.</summary>
    internal static void Dispose(params IDisposable[] things)
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(Unloading).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += _ =>
            {
                foreach (var thing in things)
                    thing.Dispose();
            };
        }
    }
}
