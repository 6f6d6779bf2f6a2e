using System.Runtime.InteropServices;

namespace LangSmith.Http.Export.Model;

/// <summary>The values in force, validated and read once: the options, and the environment for those that are not set.</summary>
internal sealed class ExportSettings
{
    /// <summary>The kill switch: false once a reload of the configuration switches tracing off.</summary>
    internal required Func<bool> IsEnabled { get; init; }

    internal required Uri Endpoint { get; init; }

    internal required string? ApiKey { get; init; }

    internal required string? WorkspaceId { get; init; }

    /// <summary>The deployed revision (<c>metadata.revision_id</c>); null if <c>LANGSMITH_REVISION_ID</c> is not set.</summary>
    internal required string? RevisionId { get; init; }

    internal required double SamplingRate { get; init; }

    internal required bool HideInputs { get; init; }

    internal required bool HideOutputs { get; init; }

    internal required bool HideMetadata { get; init; }

    internal required LangSmithExportOptions Options { get; init; }

    /// <summary><c>extra.runtime</c> of every run: SDK and runtime. No environment variable, no host name.</summary>
    internal required IReadOnlyList<KeyValuePair<string, string>> Runtime { get; init; }

    internal static IReadOnlyList<KeyValuePair<string, string>> DescribeRuntime(string? service)
    {
        var runtime = new List<KeyValuePair<string, string>>
        {
            new("sdk", "langsmith-dotnet"),
            new("sdk_version", Version),
            new("library", "langsmith"),
            new("runtime", "dotnet"),
            new("runtime_version", Environment.Version.ToString()),
            new("platform", RuntimeInformation.RuntimeIdentifier),
        };
        if (!string.IsNullOrWhiteSpace(service))
            runtime.Add(new("service", service));
        return runtime;
    }

    internal static string Version { get; } = typeof(ExportSettings).Assembly.GetName().Version?.ToString(3) ?? "0";
}
