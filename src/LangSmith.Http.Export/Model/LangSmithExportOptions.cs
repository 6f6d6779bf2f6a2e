using System.Globalization;
using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>
/// Where runs are posted, and within which bounds. Precedence, highest first: code, the variables named here, the section
/// <c>LangSmith</c> of <c>IConfiguration</c>, the defaults.
/// </summary>
/// <remarks>
/// They are read once, when the exporter is made. The section has a key for each option. Each variable is also read with the
/// prefix <c>LANGCHAIN_</c>. If a variable and the section disagree, one warning names both; the values of keys and headers are
/// never logged.
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

    /// <summary>Sends <c>{}</c> instead of outputs, and events by name only. Token counts are sent: they are no content.</summary>
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
        Notes.IsConfigured = true;
        Endpoint = Text(nameof(Endpoint), "ENDPOINT") ?? Endpoint;
        ApiKey = Text(nameof(ApiKey), "API_KEY") ?? ApiKey;
        WorkspaceId = Text(nameof(WorkspaceId), "WORKSPACE_ID") ?? WorkspaceId;
        SamplingRate = Rate(nameof(SamplingRate), "TRACING_SAMPLING_RATE") ?? SamplingRate;
        HideInputs = Flag(nameof(HideInputs), "HIDE_INPUTS") ?? HideInputs;
        HideOutputs = Flag(nameof(HideOutputs), "HIDE_OUTPUTS") ?? HideOutputs;
        HideMetadata = Flag(nameof(HideMetadata), "HIDE_METADATA") ?? HideMetadata;
        ServiceName = Text(nameof(ServiceName), null) ?? ServiceName;
        MaxQueuedOperations = (int?)Number(nameof(MaxQueuedOperations), "a number", int.MaxValue) ?? MaxQueuedOperations;
        MaxQueuedBytes = Number(nameof(MaxQueuedBytes), "a number of bytes", long.MaxValue) ?? MaxQueuedBytes;
        MaxBatchOperations = (int?)Number(nameof(MaxBatchOperations), "a number", int.MaxValue) ?? MaxBatchOperations;
        FlushInterval = Time(nameof(FlushInterval), "00:00:00.250") ?? FlushInterval;
        RequestTimeout = Time(nameof(RequestTimeout), "00:00:30") ?? RequestTimeout;
        MaxRetryTime = Time(nameof(MaxRetryTime), "00:05:00") ?? MaxRetryTime;
        ShutdownTimeout = Time(nameof(ShutdownTimeout), "00:00:10") ?? ShutdownTimeout;
        RevisionId = configuration.Variables.Find("REVISION_ID").Value;
        foreach (var (name, value) in configuration.Children(nameof(Headers)))
            Headers[name] = value ?? "";

        // An address may have a password in it: values that may be secret are in no warning.
        string? Text(string option, string? variable) => configuration.ReadText(option, variable, Notes, isSecret: true);

        bool? Flag(string option, string variable) =>
            configuration.ReadValue<bool>(option, variable, "true or false", bool.TryParse, Notes);

        double? Rate(string option, string variable) => configuration.ReadValue(
            option,
            variable,
            "a number from 0 to 1",
            static (string? text, out double value) =>
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && value is >= 0 and <= 1,
            Notes);

        long? Number(string option, string expected, long max) => configuration.ReadValue(
            option,
            null,
            expected,
            (string? text, out long value) =>
                long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value) && value >= -max && value <= max,
            Notes);

        TimeSpan? Time(string option, string example) => configuration.ReadValue(
            option,
            null,
            $"a time such as {example}",
            static (string? text, out TimeSpan value) => TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value),
            Notes);
    }
}
