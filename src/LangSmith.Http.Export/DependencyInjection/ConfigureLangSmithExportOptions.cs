using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Reads <see cref="LangSmithExportOptions"/> from a configuration section, by hand: a wrong value can be named.</summary>
internal sealed class ConfigureLangSmithExportOptions(IConfiguration? section) : IConfigureOptions<LangSmithExportOptions>
{
    public void Configure(LangSmithExportOptions options)
    {
        if (section is null)
            return;
        options.Endpoint = section[nameof(options.Endpoint)] ?? options.Endpoint;
        options.ApiKey = section[nameof(options.ApiKey)] ?? options.ApiKey;
        options.WorkspaceId = section[nameof(options.WorkspaceId)] ?? options.WorkspaceId;
        options.ServiceName = section[nameof(options.ServiceName)] ?? options.ServiceName;
        options.SamplingRate = Read<double>(nameof(options.SamplingRate), "a number from 0 to 1", TryDouble, options) ?? options.SamplingRate;
        options.HideInputs = Read<bool>(nameof(options.HideInputs), "true or false", bool.TryParse, options) ?? options.HideInputs;
        options.HideOutputs = Read<bool>(nameof(options.HideOutputs), "true or false", bool.TryParse, options) ?? options.HideOutputs;
        options.HideMetadata = Read<bool>(nameof(options.HideMetadata), "true or false", bool.TryParse, options) ?? options.HideMetadata;
        options.MaxQueuedOperations = Read<int>(nameof(options.MaxQueuedOperations), "a number", TryInt, options) ?? options.MaxQueuedOperations;
        options.MaxQueuedBytes = Read<long>(nameof(options.MaxQueuedBytes), "a number of bytes", TryLong, options) ?? options.MaxQueuedBytes;
        options.MaxBatchOperations = Read<int>(nameof(options.MaxBatchOperations), "a number", TryInt, options) ?? options.MaxBatchOperations;
        options.FlushInterval = Read<TimeSpan>(nameof(options.FlushInterval), "a time such as 00:00:00.250", TryTime, options) ?? options.FlushInterval;
        options.RequestTimeout = Read<TimeSpan>(nameof(options.RequestTimeout), "a time such as 00:00:30", TryTime, options) ?? options.RequestTimeout;
        options.MaxRetryTime = Read<TimeSpan>(nameof(options.MaxRetryTime), "a time such as 00:05:00", TryTime, options) ?? options.MaxRetryTime;
        options.ShutdownTimeout = Read<TimeSpan>(nameof(options.ShutdownTimeout), "a time such as 00:00:10", TryTime, options) ?? options.ShutdownTimeout;
        foreach (var header in section.GetSection(nameof(options.Headers)).GetChildren())
            options.Headers[header.Key] = header.Value ?? "";
    }

    private delegate bool TryParse<TValue>(string? text, out TValue value);

    private static bool TryDouble(string? text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

    private static bool TryInt(string? text, out int value) => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value);

    private static bool TryLong(string? text, out long value) => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value);

    private static bool TryTime(string? text, out TimeSpan value) => TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);

    private TValue? Read<TValue>(string key, string expected, TryParse<TValue> parse, LangSmithExportOptions options)
        where TValue : struct
    {
        if (section![key] is not { } text)
            return null;
        if (parse(text, out var value))
            return value;
        options.ConfigurationErrors.Add($"{key} is '{text}'. Set it to {expected}.");
        return null;
    }
}
