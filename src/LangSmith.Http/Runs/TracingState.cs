using System.Text.Json;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Runs;

/// <summary>The values of <see cref="LangSmithOptions"/> that are in force, the environment included.</summary>
internal sealed class TracingState
{
    private volatile Values _values;

    internal TracingState(LangSmithOptions options) => _values = Read(options);

    internal bool IsEnabled => _values.IsEnabled;

    internal bool IsTracing => _values.IsTracing;

    /// <summary>Where runs go that inherit nothing: a project, or, when it is null, <see cref="Address"/>.</summary>
    internal string? Project => _values.Project;

    internal string? Address => _values.Address;

    internal JsonSerializerOptions Json => _values.Json;

    /// <summary>Puts new options into force, which the caller has found to be valid.</summary>
    internal void Apply(LangSmithOptions options) => _values = Read(options);

    /// <summary>What is wrong with the variables that name an agent; null when nothing is.</summary>
    internal static string? FindEnvironmentError()
    {
        var (id, environment) = (First("AGENT_ID"), First("AGENT_ENVIRONMENT"));
        if (id is null && environment is null)
            return null;
        if (First("PROJECT", "SESSION") is not null)
            return "LANGSMITH_AGENT_ID and LANGSMITH_PROJECT are both set. A run goes to one of them: take one out.";
        if (id is null || environment is null)
            return $"{(id is null ? "LANGSMITH_AGENT_ENVIRONMENT" : "LANGSMITH_AGENT_ID")} is set alone. Set LANGSMITH_AGENT_ID and LANGSMITH_AGENT_ENVIRONMENT, or none.";
        return AgentAddressOf(id, environment) is null
            ? $"LANGSMITH_AGENT_ID is '{id}' and LANGSMITH_AGENT_ENVIRONMENT '{environment}'. The id is lower case letters, digits and hyphens, the environment local, development, staging or production."
            : null;
    }

    private static Values Read(LangSmithOptions options)
    {
        var address = options.AgentAddress is { } given ? AgentAddress.Normalize(given)
            : options.Project is null && First("PROJECT", "SESSION") is null ? AgentAddressOf(First("AGENT_ID"), First("AGENT_ENVIRONMENT"))
            : null;
        return new(
            options.Enabled,
            options.Tracing ?? First("TRACING_V2", "TRACING") == "true",
            address is null ? options.Project ?? First("PROJECT", "SESSION") ?? "default" : null,
            address,
            PayloadSerializer.WithResolver(options.JsonSerializerOptions));
    }

    private static string? AgentAddressOf(string? id, string? environment) =>
        id is null || environment is null ? null : AgentAddress.Normalize($"lrn:agents/{id}/environments/{environment}");

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

    private sealed record Values(bool IsEnabled, bool IsTracing, string? Project, string? Address, JsonSerializerOptions Json);
}
