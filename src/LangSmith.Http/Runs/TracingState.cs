using System.Text.Json;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Runs;

/// <summary>The values of <see cref="LangSmithOptions"/> that are in force, the process's environment included.</summary>
internal sealed class TracingState
{
    private static readonly Lazy<TracingState> Default = new(static () => new TracingState(new LangSmithOptions()));

    private volatile Values _values;

    internal TracingState(LangSmithOptions options) => _values = Read(options);

    /// <summary>The state where no container is. Read once.</summary>
    internal static TracingState OfProcess => Default.Value;

    internal bool IsEnabled => _values.IsEnabled;

    internal bool IsTracing => _values.IsTracing;

    /// <summary>The project of runs that inherit none; null if they have an <see cref="Address"/>.</summary>
    internal string? Project => _values.Project;

    internal string? Address => _values.Address;

    internal bool ForwardSampledOutTraces => _values.ForwardSampledOutTraces;

    internal JsonSerializerOptions Json => _values.Json;

    internal int MaxPayloadBytes => _values.MaxPayloadBytes;

    /// <summary>What is odd in the configuration, and was resolved.</summary>
    internal IReadOnlyList<string> Warnings => _values.Warnings;

    /// <summary>Puts new options into force. The caller has validated them.</summary>
    internal void Apply(LangSmithOptions options, bool isEnabled) => _values = Read(options) with { IsEnabled = isEnabled };

    /// <summary>Reads options from the process's environment.</summary>
    internal static LangSmithOptions ReadProcess()
    {
        var environment = new LangSmithOptions();
        environment.ReadFrom(ConfigurationReader.OfProcess);
        return environment;
    }

    private static Values Read(LangSmithOptions options)
    {
        // A container has configured its options. Others get from the environment what they leave unset.
        var environment = options.Notes.IsConfigured ? options : ReadProcess();
        var destination = options is { Project: null, AgentAddress: null } ? environment : options;
        var address = destination.AgentAddress is { } given ? AgentAddress.Normalize(given) : null;
        return new(
            options.Enabled && environment.Enabled,
            options.Tracing ?? environment.Tracing ?? false,
            address is null ? destination.Project ?? "default" : null,
            address,
            PayloadSerializer.WithResolver(options.JsonSerializerOptions, options.ApplicationContracts),
            options.MaxPayloadBytes,
            options.ForwardSampledOutTraces,
            environment.Notes.Warnings);
    }

    private sealed record Values(
        bool IsEnabled,
        bool IsTracing,
        string? Project,
        string? Address,
        JsonSerializerOptions Json,
        int MaxPayloadBytes,
        bool ForwardSampledOutTraces,
        IReadOnlyList<string> Warnings);
}
