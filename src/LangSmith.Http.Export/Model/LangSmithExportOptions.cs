using System.Globalization;
using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>
/// Where runs are posted, and within which bounds. Precedence, highest first: code, the variables named here, the section
/// <c>LangSmith</c> of <c>IConfiguration</c>, the defaults.
/// </summary>
/// <remarks>
/// The section has a key for each option. Each variable is also read with the prefix <c>LANGCHAIN_</c>. If a variable and
/// the section disagree, one warning names both; the values of keys and headers are never logged.
/// </remarks>
public sealed class LangSmithExportOptions
{
    /// <summary>LangSmith's address, without a path of the API.</summary>
    /// <value>
    /// Default: <c>LANGSMITH_ENDPOINT</c>, else the section, else <c>https://api.smith.langchain.com</c>. In the EU it is
    /// <c>https://eu.api.smith.langchain.com</c>; a self-hosted one usually ends in <c>/api</c> or <c>/api/v1</c>.
    /// </value>
    public string? Endpoint { get; set; }

    /// <summary>The API key. It is never logged.</summary>
    /// <value>Default: <c>LANGSMITH_API_KEY</c>, else the section, else null: no key is sent.</value>
    public string? ApiKey { get; set; }

    /// <summary>The workspace; needed where the key is one of an organization with several.</summary>
    /// <value>Default: <c>LANGSMITH_WORKSPACE_ID</c>, else the section, else null.</value>
    public string? WorkspaceId { get; set; }

    /// <summary>
    /// Which share of the traces that start here is recorded, decided by the trace's id: every service, and the TypeScript
    /// SDK, with the same rate decides alike. The runs of a trace another service records are all recorded.
    /// </summary>
    /// <value>Default: <c>LANGSMITH_TRACING_SAMPLING_RATE</c>, else the section, else 1. Range: 0 to 1.</value>
    public double? SamplingRate { get; set; }

    /// <summary>Sends <c>{}</c> instead of inputs.</summary>
    /// <value>Default: <c>LANGSMITH_HIDE_INPUTS</c> (<c>true</c> or <c>false</c>), else the section, else false.</value>
    public bool? HideInputs { get; set; }

    /// <summary>Sends <c>{}</c> instead of outputs, and events by name only.</summary>
    /// <value>Default: <c>LANGSMITH_HIDE_OUTPUTS</c> (<c>true</c> or <c>false</c>), else the section, else false.</value>
    public bool? HideOutputs { get; set; }

    /// <summary>Sends no metadata to LangSmith. The headers of requests to other services still carry it.</summary>
    /// <value>Default: <c>LANGSMITH_HIDE_METADATA</c> (<c>true</c> or <c>false</c>), else the section, else false.</value>
    public bool? HideMetadata { get; set; }

    /// <summary>Further headers of each request, for a proxy for example; they never replace the key and the workspace.</summary>
    /// <value>Default: none.</value>
    public IDictionary<string, string> Headers { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The service whose runs these are (<c>extra.runtime.service</c>); a local collector shows it.</summary>
    /// <value>Default: null; with a host, the application's name.</value>
    public string? ServiceName { get; set; }

    /// <summary>
    /// How many starts and ends of runs wait or are on their way at most, where both of a run are one while both wait; newer
    /// ones are dropped and counted.
    /// </summary>
    /// <value>Default: 100,000. At least 1.</value>
    public int MaxQueuedOperations { get; set; } = 100_000;

    /// <summary>About how many bytes wait or are on their way at most; newer ones are dropped and counted.</summary>
    /// <value>Default: 128 MiB. At least 64 KiB.</value>
    public long MaxQueuedBytes { get; set; } = 128L << 20;

    /// <summary>How many starts and ends of runs are sent in one request at most, counted likewise; the server may say less.</summary>
    /// <value>Default: 1000. 1 to 1000.</value>
    public int MaxBatchOperations { get; set; } = 1000;

    /// <summary>How long a run waits for others before it is sent.</summary>
    /// <value>Default: 250 milliseconds. 1 millisecond to 1 minute.</value>
    public TimeSpan FlushInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How long one attempt of a request may take.</summary>
    /// <value>Default: 30 seconds. 1 second to 10 minutes.</value>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a batch is tried again before it is dropped. The queue's bounds may drop newer runs before.</summary>
    /// <value>Default: 5 minutes. 1 second to 1 hour.</value>
    public TimeSpan MaxRetryTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the last runs are given when the application ends, within the host's own shutdown timeout.</summary>
    /// <value>Default: 10 seconds. 0 to 10 minutes.</value>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The deployed revision, from <c>LANGSMITH_REVISION_ID</c>; null if it is not set.</summary>
    internal string? RevisionId { get; private set; }

    internal ConfigurationNotes Notes { get; } = new();

    /// <summary>Sets what variables and sections say.</summary>
    internal void ReadFrom(ConfigurationReader configuration)
    {
        Endpoint = configuration.ReadText(nameof(Endpoint), "ENDPOINT", Notes, isSecret: true) ?? Endpoint;
        ApiKey = configuration.ReadText(nameof(ApiKey), "API_KEY", Notes, isSecret: true) ?? ApiKey;
        WorkspaceId = configuration.ReadText(nameof(WorkspaceId), "WORKSPACE_ID", Notes, isSecret: true) ?? WorkspaceId;
        SamplingRate = configuration.ReadValue<double>(nameof(SamplingRate), "TRACING_SAMPLING_RATE", "a number from 0 to 1", TryRate, Notes) ?? SamplingRate;
        HideInputs = configuration.ReadValue<bool>(nameof(HideInputs), "HIDE_INPUTS", "true or false", bool.TryParse, Notes) ?? HideInputs;
        HideOutputs = configuration.ReadValue<bool>(nameof(HideOutputs), "HIDE_OUTPUTS", "true or false", bool.TryParse, Notes) ?? HideOutputs;
        HideMetadata = configuration.ReadValue<bool>(nameof(HideMetadata), "HIDE_METADATA", "true or false", bool.TryParse, Notes) ?? HideMetadata;
        ServiceName = configuration.ReadText(nameof(ServiceName), null, Notes) ?? ServiceName;
        MaxQueuedOperations = configuration.ReadValue<int>(nameof(MaxQueuedOperations), null, "a number", TryInt, Notes) ?? MaxQueuedOperations;
        MaxQueuedBytes = configuration.ReadValue<long>(nameof(MaxQueuedBytes), null, "a number of bytes", TryLong, Notes) ?? MaxQueuedBytes;
        MaxBatchOperations = configuration.ReadValue<int>(nameof(MaxBatchOperations), null, "a number", TryInt, Notes) ?? MaxBatchOperations;
        FlushInterval = configuration.ReadValue<TimeSpan>(nameof(FlushInterval), null, "a time such as 00:00:00.250", TryTime, Notes) ?? FlushInterval;
        RequestTimeout = configuration.ReadValue<TimeSpan>(nameof(RequestTimeout), null, "a time such as 00:00:30", TryTime, Notes) ?? RequestTimeout;
        MaxRetryTime = configuration.ReadValue<TimeSpan>(nameof(MaxRetryTime), null, "a time such as 00:05:00", TryTime, Notes) ?? MaxRetryTime;
        ShutdownTimeout = configuration.ReadValue<TimeSpan>(nameof(ShutdownTimeout), null, "a time such as 00:00:10", TryTime, Notes) ?? ShutdownTimeout;
        RevisionId = configuration.Variables.Find("REVISION_ID").Value;
        foreach (var (name, value) in configuration.Children(nameof(Headers)))
            Headers[name] = value ?? "";
    }

    private static bool TryRate(string? text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && value is >= 0 and <= 1;

    private static bool TryInt(string? text, out int value) => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value);

    private static bool TryLong(string? text, out long value) => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value);

    private static bool TryTime(string? text, out TimeSpan value) => TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
}
