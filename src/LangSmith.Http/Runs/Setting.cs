namespace LangSmith.Http.Runs;

/// <summary>A configured value and the name of its source: a variable, or a key such as <c>LangSmith:Project</c>.</summary>
internal readonly record struct Setting(string Source, string? Value)
{
    internal bool IsVariable { get; init; }

    /// <summary>The value as messages quote it. An API key in the wrong place must not be logged.</summary>
    internal string Quoted => LangSmithVariables.LooksLikeKey(Value) ? "an API key" : $"'{Value}'";
}
