using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;

namespace LangSmith.Http.Runs;

/// <summary>
/// Reads LangSmith's variables: each name from <see cref="IConfiguration"/> (user secrets, .env providers, tests), then from
/// the process's environment. Blanks and quotes around a value are ignored, and a value without text counts as not set.
/// </summary>
internal sealed partial class LangSmithVariables(IConfiguration? configuration)
{
    /// <summary>Finds the first of several variables that is set.</summary>
    /// <param name="names">The names without prefix; each is tried with <c>LANGSMITH_</c>, then with <c>LANGCHAIN_</c>.</param>
    /// <returns>The variable; the first name without a value if none is set.</returns>
    internal Setting Find(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            foreach (var prefix in (ReadOnlySpan<string>)["LANGSMITH_", "LANGCHAIN_"])
            {
                if (Get(prefix + name) is { Value: not null } variable)
                    return variable;
            }
        }

        return new Setting("LANGSMITH_" + names[0], null);
    }

    /// <summary>Reads one variable by its full name.</summary>
    internal Setting Get(string variable) =>
        new(variable, Clean(configuration?[variable]) ?? Clean(OfProcess(variable))) { IsVariable = true };

    /// <summary>Reads one variable in each of both places.</summary>
    internal IEnumerable<Setting> GetAll(string variable) =>
        from value in new[] { configuration?[variable], OfProcess(variable) }
        select new Setting(variable, Clean(value)) { IsVariable = true };

    /// <summary>Reads the process's environment. Nothing else in the library does.</summary>
    internal static string? OfProcess(string variable) => Environment.GetEnvironmentVariable(variable);

    /// <summary>Whether a text has the form of LangSmith's API keys.</summary>
    internal static bool LooksLikeKey(string text) => ApiKey().Match(text) is { Success: true, Index: 0 };

    /// <summary>A text without the API keys in it: what was put into the wrong setting must not be logged.</summary>
    internal static string Mask(string? text) => ApiKey().Replace(text ?? "", "…");

    [GeneratedRegex(@"\b(lsv2_|ls__)\S+")]
    private static partial Regex ApiKey();

    /// <summary>Removes blanks and quotes, as .env files leave them; null if no text is left.</summary>
    internal static string? Clean(string? text) => text?.Trim().Trim('"', '\'').Trim() is { Length: > 0 } clean ? clean : null;
}
