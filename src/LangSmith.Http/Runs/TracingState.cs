using System.Text.Json;

namespace LangSmith.Http;

/// <summary>The values of <see cref="LangSmithOptions"/> that are in force, the environment included.</summary>
internal sealed class TracingState
{
    private volatile Values _values;

    internal TracingState(LangSmithOptions options) => _values = Read(options);

    internal bool IsEnabled => _values.IsEnabled;

    internal bool IsTracing => _values.IsTracing;

    internal string Project => _values.Project;

    internal JsonSerializerOptions Json => _values.Json;

    /// <summary>Puts new options into force, which the caller has found to be valid.</summary>
    internal void Apply(LangSmithOptions options) => _values = Read(options);

    private static Values Read(LangSmithOptions options) => new(
        options.Enabled,
        options.Tracing ?? First("TRACING_V2", "TRACING") == "true",
        options.Project ?? First("PROJECT", "SESSION") ?? "default",
        PayloadSerializer.WithResolver(options.JsonSerializerOptions));

    private static string? First(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            foreach (var prefix in (ReadOnlySpan<string>)["LANGSMITH_", "LANGCHAIN_"])
            {
                if (Environment.GetEnvironmentVariable(prefix + name) is { } value && !string.IsNullOrWhiteSpace(value))
                    return value;
            }
        }

        return null;
    }

    private sealed record Values(bool IsEnabled, bool IsTracing, string Project, JsonSerializerOptions Json);
}
