namespace LangSmith.Http.Tests;

/// <summary>Fails with a list of all violations. NUnit itself shows ten.</summary>
internal static class Failures
{
    public static void AssertNone(IEnumerable<string> found, string remedy = "")
    {
        var all = found.Order(StringComparer.Ordinal).ToList();
        if (all.Count > 0)
            Assert.Fail($"{all.Count} found. {remedy}\n  {string.Join("\n  ", all)}");
    }
}
