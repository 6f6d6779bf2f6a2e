using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// Reads <see cref="LangSmithOptions"/> from a configuration section, by hand: the keys are few, trimmed applications
/// keep them, and a wrong value can be named.
/// </summary>
internal sealed class ConfigureLangSmithOptions(IConfiguration? section) : IConfigureOptions<LangSmithOptions>, IOptionsChangeTokenSource<LangSmithOptions>
{
    public string Name => Options.DefaultName;

    public void Configure(LangSmithOptions options)
    {
        if (section is null)
            return;
        if (Bool(nameof(LangSmithOptions.Enabled), options) is { } enabled)
            options.Enabled = enabled;
        if (Bool(nameof(LangSmithOptions.Tracing), options) is { } tracing)
            options.Tracing = tracing;
        if (section[nameof(LangSmithOptions.Project)] is { } project)
            options.Project = project;
        if (section[nameof(LangSmithOptions.AgentAddress)] is { } address)
            options.AgentAddress = address;
    }

    public IChangeToken GetChangeToken() => section?.GetReloadToken() ?? new CancellationChangeToken(CancellationToken.None);

    private bool? Bool(string key, LangSmithOptions options)
    {
        if (section![key] is not { } text)
            return null;
        if (bool.TryParse(text, out var value))
            return value;
        options.ConfigurationErrors.Add($"{key} is '{text}'. Set it to true or false.");
        return null;
    }
}
