using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace LangSmith.Http;

/// <summary>
/// Fails on options that are invalid at start-up, not on ones that become so while the application runs: there an
/// exception would reach whoever reloads the configuration, and every later reader. Those who use the options look at
/// them again and keep the last good ones.
/// </summary>
internal abstract class StartupValidator<TOptions> : IValidateOptions<TOptions>
    where TOptions : class
{
    private readonly ConcurrentDictionary<string, bool> _started = new(StringComparer.Ordinal);

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        var errors = Errors(options);
        if (errors.Count == 0)
        {
            _started.TryAdd(name ?? "", true);
            return ValidateOptionsResult.Success;
        }

        return _started.ContainsKey(name ?? "")
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(errors.Select(error => $"{typeof(TOptions).Name}{(string.IsNullOrEmpty(name) ? "" : $" of HttpClient '{name}'")}: {error}"));
    }

    protected abstract List<string> Errors(TOptions options);
}
