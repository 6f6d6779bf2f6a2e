using System.Collections;

namespace LangSmith.Http.Tests.Export;

/// <summary>Tests in which no variable of ours is set but those they set.</summary>
[NonParallelizable]
public abstract class CleanEnvironment
{
    private readonly Dictionary<string, string?> _before = [];

    [SetUp]
    public void ClearEnvironment()
    {
        _before.Clear();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            var name = (string)variable.Key;
            if (name.StartsWith("LANGSMITH_", StringComparison.Ordinal) || name.StartsWith("LANGCHAIN_", StringComparison.Ordinal) || name == "HOSTED_LANGSERVE_PROJECT_NAME")
                Set(name, null);
        }
    }

    [TearDown]
    public void RestoreEnvironment()
    {
        foreach (var (name, value) in _before)
            Environment.SetEnvironmentVariable(name, value);
    }

    private protected void Set(string name, string? value)
    {
        _before.TryAdd(name, Environment.GetEnvironmentVariable(name));
        Environment.SetEnvironmentVariable(name, value);
    }

    /// <summary>Sets <c>A=b C=d</c>.</summary>
    private protected void SetAll(string environment)
    {
        foreach (var pair in environment.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            Set(pair.Split('=', 2)[0], pair.Split('=', 2)[1]);
    }
}
