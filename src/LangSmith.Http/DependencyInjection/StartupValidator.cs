using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using LangSmith.Http.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// Fails on options that are invalid when they are first read, not on ones that become so while the application runs:
/// there an exception would reach whoever reloads the configuration, and every later reader. Those are counted and logged
/// once, and the last good ones stay in force.
/// </summary>
internal abstract class StartupValidator<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions>(ILoggerFactory loggers) : IValidateOptions<TOptions>
    where TOptions : class
{
    private readonly ConcurrentDictionary<string, TOptions> _lastGood = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, LogThrottle> _reloads = new(StringComparer.Ordinal);
    private readonly ILogger _logger = QuietLogger.Wrap(loggers.CreateLogger(Log.Category));

    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        name ??= Options.DefaultName;
        var errors = Errors(options).Select(error => $"{Describe(name)}: {error}").ToList();
        if (errors.Count == 0)
        {
            _lastGood[name] = options;
            return ValidateOptionsResult.Success;
        }

        if (!_lastGood.ContainsKey(name))
            return ValidateOptionsResult.Fail(errors);
        Telemetry.Count(Fault.BadReload);
        if (_reloads.GetOrAdd(name, static _ => new LogThrottle()).TryPass())
            Log.BadReload(_logger, string.Join(' ', errors));
        return ValidateOptionsResult.Success;
    }

    /// <summary>The options in force.</summary>
    /// <exception cref="OptionsValidationException">There never were valid ones.</exception>
    internal TOptions LastGood(IOptionsMonitor<TOptions> options, string name)
    {
        var current = options.Get(name);
        return _lastGood.TryGetValue(name, out var good) ? good : current;
    }

    protected abstract List<string> Errors(TOptions options);

    private static string Describe(string name) => name.Length == 0 ? typeof(TOptions).Name : $"{typeof(TOptions).Name} of HttpClient '{name}'";
}
