using System.Globalization;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Export.Model;

/// <summary>Puts options and environment together, and says what is wrong with them and what to do.</summary>
internal static class ExportSettingsReader
{
    private const string DefaultEndpoint = "https://api.smith.langchain.com";

    internal static ExportSettings? TryRead(LangSmithExportOptions options, out List<string> errors, Func<bool>? isEnabled = null)
    {
        errors = [.. options.ConfigurationErrors];
        var endpoint = ReadEndpoint(options, errors);
        var key = ReadKey(options, errors);
        var rate = ReadRate(options, errors);
        Check(errors, options.MaxQueuedOperations >= 1, $"MaxQueuedOperations is {options.MaxQueuedOperations}. Give at least 1.");
        Check(errors, options.MaxQueuedBytes >= 65_536, $"MaxQueuedBytes is {options.MaxQueuedBytes}. Give at least 65536.");
        Check(errors, options.MaxBatchOperations is >= 1 and <= 1000, $"MaxBatchOperations is {options.MaxBatchOperations}. Give 1 to 1000.");
        Check(errors, options.FlushInterval >= TimeSpan.FromMilliseconds(1) && options.FlushInterval <= TimeSpan.FromMinutes(1), $"FlushInterval is {options.FlushInterval}. Give 1 millisecond to 1 minute.");
        Check(errors, options.RequestTimeout >= TimeSpan.FromSeconds(1) && options.RequestTimeout <= TimeSpan.FromMinutes(10), $"RequestTimeout is {options.RequestTimeout}. Give 1 second to 10 minutes.");
        Check(errors, options.MaxRetryTime >= TimeSpan.FromSeconds(1) && options.MaxRetryTime <= TimeSpan.FromHours(1), $"MaxRetryTime is {options.MaxRetryTime}. Give 1 second to 1 hour.");
        Check(errors, options.ShutdownTimeout >= TimeSpan.Zero && options.ShutdownTimeout <= TimeSpan.FromMinutes(10), $"ShutdownTimeout is {options.ShutdownTimeout}. Give 0 to 10 minutes.");
        foreach (var (name, value) in options.Headers)
        {
            if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase) || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
                errors.Add($"Headers has '{name}', which describes the body. Take it out: the exporter sets it.");
            else if (!HttpToken.IsToken(name) || !IsHeaderValue(value))
                errors.Add($"Headers has '{(HttpToken.IsToken(name) ? name : "a name")}' that is no HTTP header. Names are tokens, values have no line breaks.");
        }

        var workspace = ReadWorkspace(options, errors);
        var hideInputs = ReadFlag(options.HideInputs, "HIDE_INPUTS", errors);
        var hideOutputs = ReadFlag(options.HideOutputs, "HIDE_OUTPUTS", errors);
        var hideMetadata = ReadFlag(options.HideMetadata, "HIDE_METADATA", errors);
        if (errors.Count > 0 || endpoint is null)
            return null;
        return new ExportSettings
        {
            Options = options,
            IsEnabled = isEnabled ?? (static () => true),
            Endpoint = endpoint,
            ApiKey = key,
            WorkspaceId = workspace,
            RevisionId = Clean(Variable("REVISION_ID").Value),
            SamplingRate = rate,
            HideInputs = hideInputs,
            HideOutputs = hideOutputs,
            HideMetadata = hideMetadata,
            Runtime = ExportSettings.DescribeRuntime(options.ServiceName),
        };
    }

    private static Uri? ReadEndpoint(LangSmithExportOptions options, List<string> errors)
    {
        var (source, value) = options.Endpoint is null ? Variable("ENDPOINT") : ("Endpoint", options.Endpoint);
        if (options.Endpoint is not null && string.IsNullOrWhiteSpace(options.Endpoint))
        {
            errors.Add($"Endpoint is blank. Give LangSmith's address, or leave it null for LANGSMITH_ENDPOINT or {DefaultEndpoint}.");
            return null;
        }

        var text = Clean(value)?.TrimEnd('/') ?? DefaultEndpoint;
        if (LooksLikeKey(text))
        {
            errors.Add($"{source} looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and {source} to an address such as {DefaultEndpoint}.");
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0 || endpoint.Query.Length > 0 || endpoint.Fragment.Length > 0)
        {
            errors.Add($"{source} is '{Redact(text)}', which is no http(s) address without user, query and fragment. Give for example {DefaultEndpoint}.");
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
                errors.Add($"{source} ends in '{wrong}', which is added to it. Give the address in front of it.");
                return null;
            }
        }

        return endpoint;
    }

    private static string? ReadKey(LangSmithExportOptions options, List<string> errors)
    {
        if (options.ApiKey is not null && string.IsNullOrWhiteSpace(options.ApiKey))
            errors.Add("ApiKey is blank. Give the key, or leave it null for LANGSMITH_API_KEY.");
        var (source, value) = options.ApiKey is null ? Variable("API_KEY") : ("ApiKey", options.ApiKey);
        var key = Clean(value);
        if (key is not null && !IsHeaderValue(key))
            errors.Add($"{source} has characters no header can have, such as a line break. Copy it again.");
        return key;
    }

    private static string? ReadWorkspace(LangSmithExportOptions options, List<string> errors)
    {
        if (options.WorkspaceId is not null && string.IsNullOrWhiteSpace(options.WorkspaceId))
            errors.Add("WorkspaceId is blank. Give the workspace's id, or leave it null for LANGSMITH_WORKSPACE_ID.");
        var (source, value) = options.WorkspaceId is null ? Variable("WORKSPACE_ID") : ("WorkspaceId", options.WorkspaceId);
        var workspace = Clean(value);
        if (workspace is not null && LooksLikeKey(workspace))
            errors.Add($"{source} looks like an API key. Set LANGSMITH_API_KEY or ApiKey to it, and {source} to the workspace's id, a UUID.");
        else if (workspace is not null && !IsHeaderValue(workspace))
            errors.Add($"{source} has characters no header can have, such as a line break. Copy it again.");
        return workspace;
    }

    private static double ReadRate(LangSmithExportOptions options, List<string> errors)
    {
        if (options.SamplingRate is { } given)
        {
            Check(errors, given is >= 0 and <= 1, string.Create(CultureInfo.InvariantCulture, $"SamplingRate is {given}. Give 0 to 1."));
            return given;
        }

        var (source, value) = Variable("TRACING_SAMPLING_RATE");
        if (Clean(value) is not { } text)
            return 1;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var rate) && rate is >= 0 and <= 1)
            return rate;
        errors.Add($"{source} is '{text}'. Set it to a number from 0 to 1.");
        return 1;
    }

    // What somebody wanted hidden must not be sent because of how they wrote it.
    private static bool ReadFlag(bool? given, string name, List<string> errors)
    {
        var (source, value) = Variable(name);
        if (given is not null || Clean(value) is not { } text)
            return given ?? false;
        if (!bool.TryParse(text, out var flag))
            errors.Add($"{source} is '{text}'. Set it to true or false.");
        return flag;
    }

    private static void Check(List<string> errors, bool holds, string error)
    {
        if (!holds)
            errors.Add(error);
    }

    // The wrong variable: what it holds must not get into an error, and so into a log.
    private static bool LooksLikeKey(string text) => text.StartsWith("lsv2_", StringComparison.Ordinal) || text.StartsWith("ls__", StringComparison.Ordinal);

    private static bool IsHeaderValue(string? text) => text is not null && text.All(static c => c is >= ' ' and <= '~' or '\t');

    // As .env files leave them.
    private static string? Clean(string? text) => text?.Trim().Trim('"', '\'').Trim() is { Length: > 0 } clean ? clean : null;

    private static (string Name, string? Value) Variable(string name)
    {
        foreach (var prefix in (ReadOnlySpan<string>)["LANGSMITH_", "LANGCHAIN_"])
        {
            if (Environment.GetEnvironmentVariable(prefix + name) is { } value && !string.IsNullOrWhiteSpace(value))
                return (prefix + name, value);
        }

        return ("LANGSMITH_" + name, null);
    }

    // An address may have a password in it, and its query a key.
    private static string Redact(string text)
    {
        if (text.Contains('@', StringComparison.Ordinal))
            text = "…@" + text[(text.LastIndexOf('@') + 1)..];
        return text.Contains('?', StringComparison.Ordinal) ? text[..text.IndexOf('?', StringComparison.Ordinal)] + "?…" : text;
    }
}
