using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;

namespace LangSmith.Http.Export.Model;

/// <summary>
/// Builds the exporter's settings from the options and the process's environment. Reports invalid options.
/// </summary>
internal static class ExportSettingsReader
{
    private const string DefaultEndpoint = "https://api.smith.langchain.com";

    private static readonly LangSmithExportOptions Defaults = new();

    internal static ExportSettings? TryRead(LangSmithExportOptions options, out List<string> errors, Func<bool>? isEnabled = null)
    {
        // A container has configured its options. Others get from the environment what they leave unset.
        var environment = options.Notes.IsConfigured ? options : new LangSmithExportOptions();
        if (!environment.Notes.IsConfigured)
            environment.ReadFrom(ConfigurationReader.OfProcess);
        var found = errors =
        [
            .. environment.Notes.Errors
                .Where(error => !IsSet(options, error.Option)).Select(static error => error.Message),
        ];
        var endpoint = ReadEndpoint(Pick(nameof(options.Endpoint), static options => options.Endpoint), errors);
        var key = ReadKey(Pick(nameof(options.ApiKey), static options => options.ApiKey), errors);
        var workspace = ReadWorkspace(Pick(nameof(options.WorkspaceId), static options => options.WorkspaceId), errors);
        var rate = options.SamplingRate ?? environment.SamplingRate ?? 1;
        CheckRange(nameof(options.SamplingRate), rate, 0, 1, "0 to 1");
        CheckRange(nameof(options.MaxQueuedOperations), options.MaxQueuedOperations, 1, int.MaxValue, "at least 1");
        CheckRange(nameof(options.MaxQueuedBytes), options.MaxQueuedBytes, 65_536, long.MaxValue, "at least 65536");
        CheckRange(nameof(options.MaxBatchOperations), options.MaxBatchOperations, 1, 1000, "1 to 1000");
        CheckRange(nameof(options.FlushInterval), options.FlushInterval, Seconds(0.001), Seconds(60), "1 millisecond to 1 minute");
        CheckRange(nameof(options.RequestTimeout), options.RequestTimeout, Seconds(1), Seconds(600), "1 second to 10 minutes");
        CheckRange(nameof(options.MaxRetryTime), options.MaxRetryTime, Seconds(1), Seconds(3600), "1 second to 1 hour");
        CheckRange(nameof(options.ShutdownTimeout), options.ShutdownTimeout, Seconds(0), Seconds(600), "0 to 10 minutes");
        foreach (var (name, value) in options.Headers)
        {
            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
                || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
                errors.Add($"Headers has '{LangSmithVariables.Mask(name)}', which describes the body. Remove it: the exporter sets it.");
            else if (!HttpToken.IsToken(name) || !IsHeaderValue(value))
            {
                errors.Add($"Headers has '{(HttpToken.IsToken(name) ? LangSmithVariables.Mask(name) : "a name")}' that is no HTTP header. "
                    + "Names are tokens, values have no line breaks.");
            }
        }

        if (errors.Count > 0 || endpoint is null)
            return null;
        return new ExportSettings
        {
            Options = options,
            IsEnabled = isEnabled ?? (static () => TracingState.OfProcess.IsEnabled),
            Endpoint = endpoint,
            ApiKey = key,
            WorkspaceId = workspace,
            RevisionId = options.RevisionId ?? environment.RevisionId,
            SamplingRate = rate,
            HideInputs = options.HideInputs ?? environment.HideInputs ?? false,
            HideOutputs = options.HideOutputs ?? environment.HideOutputs ?? false,
            HideMetadata = options.HideMetadata ?? environment.HideMetadata ?? false,
            Runtime = ExportSettings.DescribeRuntime(options.ServiceName),
        };

        Setting Pick(string option, Func<LangSmithExportOptions, string?> get)
        {
            var source = get(options) is null ? environment : options;
            var value = get(source);
            return new Setting(source.Notes.SourceOf(option, value), value);
        }

        static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

        // NaN compares as less than every number.
        void CheckRange<TValue>(string option, TValue value, TValue min, TValue max, string range)
            where TValue : IComparable<TValue>
        {
            if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
                found.Add(FormattableString.Invariant($"{option} is {value}. Give {range}."));
        }
    }

    // An option that was set in code does not fail for what configured it before.
    private static bool IsSet(LangSmithExportOptions options, string option) => option switch
    {
        nameof(options.SamplingRate) => options.SamplingRate is not null,
        nameof(options.HideInputs) => options.HideInputs is not null,
        nameof(options.HideOutputs) => options.HideOutputs is not null,
        nameof(options.HideMetadata) => options.HideMetadata is not null,
        nameof(options.MaxQueuedOperations) => options.MaxQueuedOperations != Defaults.MaxQueuedOperations,
        nameof(options.MaxQueuedBytes) => options.MaxQueuedBytes != Defaults.MaxQueuedBytes,
        nameof(options.MaxBatchOperations) => options.MaxBatchOperations != Defaults.MaxBatchOperations,
        nameof(options.FlushInterval) => options.FlushInterval != Defaults.FlushInterval,
        nameof(options.RequestTimeout) => options.RequestTimeout != Defaults.RequestTimeout,
        nameof(options.MaxRetryTime) => options.MaxRetryTime != Defaults.MaxRetryTime,
        nameof(options.ShutdownTimeout) => options.ShutdownTimeout != Defaults.ShutdownTimeout,
        _ => false,
    };

    private static Uri? ReadEndpoint(Setting setting, List<string> errors)
    {
        var (source, value) = setting;
        if (value is not null && string.IsNullOrWhiteSpace(value))
        {
            errors.Add($"{source} is blank. Give LangSmith's address, or leave it null for LANGSMITH_ENDPOINT or {DefaultEndpoint}.");
            return null;
        }

        var text = LangSmithVariables.Clean(value)?.TrimEnd('/') ?? DefaultEndpoint;
        if (LangSmithVariables.LooksLikeKey(text))
        {
            errors.Add($"{source} looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and {source} to an address such as {DefaultEndpoint}.");
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0 || endpoint.Query.Length > 0 || endpoint.Fragment.Length > 0)
        {
            errors.Add($"{source} is '{Redact(text)}', which is not an http(s) address without user, query and fragment. Give for example {DefaultEndpoint}.");
            return null;
        }

        foreach (var wrong in (ReadOnlySpan<string>)["/otel", "/otel/v1/traces", "/v1/traces"])
        {
            if (endpoint.AbsolutePath.TrimEnd('/').EndsWith(wrong, StringComparison.OrdinalIgnoreCase))
            {
                errors.Add($"{source} ends in '{wrong}', which is where OpenTelemetry's exporters post. Runs go to the address without it.");
                return null;
            }
        }

        foreach (var wrong in (ReadOnlySpan<string>)["/runs", "/runs/batch", "/runs/multipart"])
        {
            if (endpoint.AbsolutePath.TrimEnd('/').EndsWith(wrong, StringComparison.OrdinalIgnoreCase))
            {
                errors.Add($"{source} ends in '{wrong}', which the exporter adds itself. Give the address without it.");
                return null;
            }
        }

        return endpoint;
    }

    private static string? ReadKey(Setting setting, List<string> errors)
    {
        if (setting.Value is not null && string.IsNullOrWhiteSpace(setting.Value))
            errors.Add($"{setting.Source} is blank. Give the key, or leave it null for LANGSMITH_API_KEY.");
        var key = LangSmithVariables.Clean(setting.Value);
        if (key is not null && !IsHeaderValue(key))
            errors.Add($"{setting.Source} has characters no header can have, such as a line break. Copy it again.");
        return key;
    }

    private static string? ReadWorkspace(Setting setting, List<string> errors)
    {
        var (source, value) = setting;
        if (value is not null && string.IsNullOrWhiteSpace(value))
            errors.Add($"{source} is blank. Give the workspace's id, or leave it null for LANGSMITH_WORKSPACE_ID.");
        var workspace = LangSmithVariables.Clean(value);
        if (workspace is not null && LangSmithVariables.LooksLikeKey(workspace))
            errors.Add($"{source} looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and {source} to the workspace's id, a UUID.");
        else if (workspace is not null && !IsHeaderValue(workspace))
            errors.Add($"{source} has characters no header can have, such as a line break. Copy it again.");
        return workspace;
    }

    // Checked at start, so that no request fails for it.
    private static bool IsHeaderValue(string? text) => text is not null && text.All(static c => c is >= ' ' and <= '~' or '\t');

    // An address may have a password in it, and its query a key.
    private static string Redact(string text)
    {
        text = LangSmithVariables.Mask(text);
        var at = text.LastIndexOf('@');
        if (at >= 0)
            text = "…@" + text[(at + 1)..];
        var end = text.AsSpan().IndexOfAny('?', '#');
        return end >= 0 ? text[..(end + 1)] + "…" : text;
    }
}
