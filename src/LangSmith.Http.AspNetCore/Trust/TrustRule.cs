using Microsoft.AspNetCore.Http;

namespace LangSmith.Http;

/// <summary>One rule; the name is that of the method that made it.</summary>
internal sealed class TrustRule(string name, Func<HttpContext, ValueTask<bool>> matches)
{
    internal string Name { get; } = name;

    internal Func<HttpContext, ValueTask<bool>> Matches { get; } = matches;

    internal bool IsAnyone { get; init; }

    /// <summary>Looks at start-up whether the application has what the rule needs; throws what is missing.</summary>
    internal Action<IServiceProvider>? Check { get; init; }
}
