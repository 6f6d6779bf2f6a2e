using System.Runtime.InteropServices;
using System.Text.Json;

namespace LangSmith.Http.Export.Model;

/// <summary>The values in force: options, and what the environment says where they say nothing. Read once.</summary>
internal sealed class ExportSettings
{
    internal static readonly JsonElement Hidden = JsonDocument.Parse("{}").RootElement.Clone();

    /// <summary>The kill switch, which a reload may throw.</summary>
    internal required Func<bool> IsEnabled { get; init; }

    internal required Uri Endpoint { get; init; }

    internal required string? ApiKey { get; init; }

    internal required string? WorkspaceId { get; init; }

    /// <summary>What is deployed (<c>metadata.revision_id</c>, wire.md §5); null when nobody says.</summary>
    internal required string? RevisionId { get; init; }

    internal required double SamplingRate { get; init; }

    internal required bool HideInputs { get; init; }

    internal required bool HideOutputs { get; init; }

    internal required bool HideMetadata { get; init; }

    internal required LangSmithExportOptions Options { get; init; }

    /// <summary><c>extra.runtime</c> of every run: what sent it. No environment variable, no host name.</summary>
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
