using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.AspNetCore.Trust;

/// <summary>One rule; the name is that of the method that made it.</summary>
internal sealed class TrustRule(string name, Func<HttpContext, ValueTask<bool>> matches)
{
    internal string Name { get; } = name;

    internal Func<HttpContext, ValueTask<bool>> Matches { get; } = matches;

    /// <summary>Looks at start-up whether the application has what the rule needs: throws, or warns.</summary>
    internal Action<IServiceProvider, ILogger>? Check { get; init; }
}
