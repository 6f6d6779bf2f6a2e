namespace LangSmith.Http.Tests.Propagation;

/// <summary>What every line of ours keeps to.</summary>
internal static class Limits
{
    /// <summary>Printable ASCII without a blank anywhere, as the other SDKs do not trim.</summary>
    internal static bool IsCleanLine(string line) => line.Length <= 8192 && line.All(static c => c is > ' ' and <= '~');
}
