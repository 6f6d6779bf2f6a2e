namespace LangSmith.Http.Runs;

/// <summary>A configured value and the name of its source: a variable, or a key such as <c>LangSmith:Project</c>.</summary>
internal readonly record struct Setting(string Source, string? Value)
{
    internal bool IsVariable { get; init; }

    /// <summary>The value as messages quote it.</summary>
    internal string Quoted => $"'{LangSmithVariables.Mask(Value)}'";
}
