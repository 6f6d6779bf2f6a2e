using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Runs;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

/// <summary>
/// How runs are traced. Precedence, highest first: code, the variables named here, the section <c>LangSmith</c> of
/// <c>IConfiguration</c>, the defaults. The one exception is <see cref="Enabled"/>: false from any source wins.
/// </summary>
/// <remarks>
/// A variable is looked up in <c>IConfiguration</c>, then in the process's environment. Each name with the prefix
/// <c>LANGSMITH_</c> is also read with the prefix <c>LANGCHAIN_</c>; of several names, the first that is set with either
/// prefix counts. If a variable and the section disagree, one warning names both.
/// </remarks>
public sealed class LangSmithOptions
{
    /// <summary>The section of <c>IConfiguration</c> that <c>AddLangSmith()</c> reads.</summary>
    public const string SectionName = "LangSmith";

    private const int SmallestMaxPayloadBytes = 16 * 1024;
    private const int LargestMaxPayloadBytes = 20_000_000;

    private bool _enabled = true;
    private string? _project;
    private string? _agentAddress;

    // The destination was configured; a project or address set in code replaces it.
    private bool _isDestinationConfigured;

    /// <summary>The kill switch: false means no headers in, no headers out, no runs recorded.</summary>
    /// <value>
    /// Default: true. Once code, <c>LANGSMITH_ENABLED</c> or the section has set it to false, setting it to true has no
    /// effect. A variable that is neither <c>true</c> nor <c>false</c> counts as false, and one warning quotes it.
    /// </value>
    public bool Enabled
    {
        get => _enabled;
        set => _enabled &= value;
    }

    /// <summary>
    /// Whether own runs are recorded. While it is false, or there is no <see cref="IRunRecorder"/>, the parent of a trusted
    /// caller is forwarded unchanged and own runs are not created.
    /// </summary>
    /// <value>
    /// Default: <c>LANGSMITH_TRACING_V2</c>, else <c>LANGSMITH_TRACING</c>, else the section, else false. A variable switches
    /// tracing on only if it is <c>true</c>, in any case; for a text that is not <c>false</c> either, one warning quotes it.
    /// </value>
    public bool? Tracing { get; set; }

    /// <summary>The project of traces that start here.</summary>
    /// <value>
    /// Default: <c>HOSTED_LANGSERVE_PROJECT_NAME</c>, else <c>LANGSMITH_PROJECT</c>, else <c>LANGSMITH_SESSION</c>, else the
    /// section, else <c>default</c>.
    /// </value>
    public string? Project
    {
        get => _project;
        set
        {
            if (value is not null && _isDestinationConfigured)
                (_agentAddress, _isDestinationConfigured) = (null, false);
            _project = value;
        }
    }

    /// <summary>
    /// The agent address of traces that start here, instead of a <see cref="Project"/>:
    /// <c>lrn:agents/&lt;id&gt;/environments/&lt;local, development, staging or production&gt;</c>.
    /// </summary>
    /// <value>
    /// Default: <c>LANGSMITH_AGENT_ID</c> and <c>LANGSMITH_AGENT_ENVIRONMENT</c>, both or none; else the section, else null.
    /// </value>
    public string? AgentAddress
    {
        get => _agentAddress;
        set
        {
            if (value is not null && _isDestinationConfigured)
                (_project, _isDestinationConfigured) = (null, false);
            _agentAddress = value;
        }
    }

    /// <summary>How inputs, outputs, metadata and event payloads become JSON when they are handed over.</summary>
    /// <value>
    /// Default: web defaults (camel case) with public fields, enums by name, no HTML escaping, NaN and infinities as strings.
    /// </value>
    /// <remarks>
    /// <para>With the default options and copies of them:</para>
    /// <list type="table">
    /// <listheader><term>handed over</term><description>recorded</description></listheader>
    /// <item><term>an object, a struct, a tuple</term><description>Its public properties and fields, each read at most once. A member
    /// without polymorphism of its own is written by the type its value has.</description></item>
    /// <item><term>a member that cannot be written</term><description>The short name of its type, such as <c>DataTable</c>; if its
    /// getter threw, <c>(threw InvalidOperationException)</c>. The other members are recorded.</description></item>
    /// <item><term>arrays, and collections of the runtime that hold their elements</term><description>The elements, or an
    /// object.</description></item>
    /// <item><term>any other sequence: LINQ, iterators, readers, queries, blocking collections, pages of a client</term>
    /// <description>The type's name. It is never enumerated: hand over <c>items.ToList()</c>.</description></item>
    /// <item><term><c>Lazy&lt;T&gt;</c>, navigations of EF Core</term><description>The value if it was created. A navigation that
    /// was not loaded is left out.</description></item>
    /// <item><term>tasks, streams, delegates, connections, services, HTTP messages and contexts</term>
    /// <description>The type's name.</description></item>
    /// <item><term>an exception, a type</term><description>Its type's name and message; its name.</description></item>
    /// <item><term>what Newtonsoft.Json, System.ClientModel (OpenAI) and ASP.NET Core (<c>TypedResults</c>) wrap</term>
    /// <description>The JSON they would write; the value inside.</description></item>
    /// <item><term>an object inside itself</term><description><c>null</c> at that place.</description></item>
    /// <item><term>more than <see cref="MaxPayloadBytes"/>, 100,000 values or 64 levels</term><description>The beginning, and
    /// <c>(cut: …)</c> where it ends.</description></item>
    /// </list>
    /// <para>Other options are the contract: names, converters, fields, polymorphism and forms of enums are theirs. What is not
    /// enumerated, not created and cut stays so, unless a converter of theirs writes the type.</para>
    /// <para>Where reflection is off, as in trimmed and AOT-compiled applications, values that need no contract are recorded (text,
    /// numbers, dates, enums, <c>JsonNode</c>, and collections of what can be recorded), and anonymous types cannot be. Other types
    /// need a <see cref="JsonSerializerOptions.TypeInfoResolver"/> here; one given to <c>ConfigureHttpJsonOptions</c> is used,
    /// too, after <c>AddLangSmithInbound()</c>.</para>
    /// </remarks>
    public JsonSerializerOptions JsonSerializerOptions { get; set; } = PayloadSerializer.DefaultOptions;

    /// <summary>The most bytes of JSON that one value may become: inputs, outputs, one metadata value, one event's payload.</summary>
    /// <value>
    /// Default: 4 MiB (4,194,304), of 16,384 to 20,000,000. LangSmith refuses a run of more than 20 MB, and a run has inputs, outputs,
    /// metadata and events. Of what is larger the beginning is recorded, and a text that starts with <c>(cut:</c> stands where it ends.
    /// </value>
    public int MaxPayloadBytes { get; set; } = PayloadSerializer.DefaultMaxBytes;

    /// <summary>
    /// Whether requests of a trace that starts here and is not recorded carry its <c>langsmith-trace</c>, next to the word that it is not
    /// recorded. Switch it on if every service samples by the trace's id at the same rate: Python and TypeScript then drop the trace, too,
    /// instead of starting one of their own. A service with a higher rate would record runs whose parents never arrive.
    /// </summary>
    /// <value>Default: false.</value>
    public bool ForwardSampledOutTraces { get; set; }

    /// <summary>The contracts the application gave to ASP.NET Core, for types that have no other; null if there are none.</summary>
    internal IJsonTypeInfoResolver? ApplicationContracts { get; set; }

    internal ConfigurationNotes Notes { get; } = new();

    /// <summary>Sets what variables and sections say.</summary>
    internal void ReadFrom(ConfigurationReader configuration)
    {
        Notes.IsConfigured = true;
        // Not the highest: any false wins.
        Setting[] switches =
        [
            .. configuration.InSections(nameof(Enabled)),
            .. configuration.Variables.GetAll("LANGCHAIN_ENABLED"),
            .. configuration.Variables.GetAll("LANGSMITH_ENABLED"),
        ];
        foreach (var setting in switches)
            Enabled = ReadSwitch(nameof(Enabled), setting) ?? true;
        var tracing = configuration.Variables.Find("TRACING_V2", "TRACING");
        Tracing = ReadSwitch(nameof(Tracing), ConfigurationReader.Choose(tracing, configuration.Section(nameof(Tracing)), Notes));
        MaxPayloadBytes = configuration.ReadValue(
            nameof(MaxPayloadBytes), null, "a number of bytes", static (string? text, out int value) =>
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value), Notes) ?? MaxPayloadBytes;
        ForwardSampledOutTraces =
            ReadSwitch(nameof(ForwardSampledOutTraces), configuration.Section(nameof(ForwardSampledOutTraces))) ?? ForwardSampledOutTraces;
        ReadDestination(configuration);
        foreach (var key in configuration.FindUnknownKeys())
            Notes.Warnings.Add($"{key} is no setting and was ignored. The settings are {string.Join(", ", ConfigurationReader.Keys)}.");
    }

    /// <summary>Finds what is invalid, and the remedy.</summary>
    internal List<string> FindErrors()
    {
        var isSetInCode = !_isDestinationConfigured && (Project ?? AgentAddress) is not null;
        var errors = Notes.Errors
            .Where(error => error.Option switch
            {
                nameof(Enabled) => Enabled,
                nameof(Tracing) => Tracing is null,
                nameof(Project) => !isSetInCode,
                _ => true,
            })
            .Select(static error => error.Message).ToList();
        if (Project is not null && string.IsNullOrWhiteSpace(Project))
            errors.Add("Project is blank. Give the project's name, or leave it null for LANGSMITH_PROJECT.");
        if (Project is not null && AgentAddress is not null)
            errors.Add("Project and AgentAddress are both set. A run goes to one of them: remove one.");
        else if (AgentAddress is not null && Propagation.AgentAddress.Normalize(AgentAddress) is null)
        {
            errors.Add($"AgentAddress is '{LangSmithVariables.Mask(AgentAddress)}'. Write lrn:agents/<id>/environments/<local, "
                + "development, staging or production>, the id in lower case letters, digits and hyphens.");
        }

        if (MaxPayloadBytes is < SmallestMaxPayloadBytes or > LargestMaxPayloadBytes)
            errors.Add($"MaxPayloadBytes is {MaxPayloadBytes}. Set it to 16384 to 20000000; LangSmith takes no larger run.");
        if (JsonSerializerOptions is null)
            errors.Add("JsonSerializerOptions is null. Leave the default, or give options with a TypeInfoResolver for your types.");
        return errors;
    }

    // A variable that is set and not true means off: operators write 0, no and off. A section is checked like code.
    private bool? ReadSwitch(string option, Setting setting)
    {
        if (setting.Value is not { } text)
            return null;
        if (bool.TryParse(text, out var value))
            return value;
        if (!setting.IsVariable)
        {
            Notes.Errors.Add((option, $"{setting.Source} is {setting.Quoted}. Set it to true or false."));
            return null;
        }

        var warning = $"{setting.Source} is {setting.Quoted}, which is neither true nor false and counts as false. "
            + "Set it to true or false.";
        if (!Notes.Warnings.Contains(warning))
            Notes.Warnings.Add(warning);
        return false;
    }

    // A run has a project or an address: the higher source decides both.
    private void ReadDestination(ConfigurationReader configuration)
    {
        var (project, address) = ReadDestination(configuration.Variables);
        var (projectInSection, addressInSection) = configuration.Section(nameof(Project), nameof(AgentAddress));
        if ((project.Value ?? address.Value) is null)
            (project, address) = (projectInSection, addressInSection);
        else
            ConfigurationReader.Choose(
                project.Value is null ? address : project, projectInSection.Value is null ? addressInSection : projectInSection, Notes);
        (_project, _agentAddress) = (project.Value, address.Value);
        _isDestinationConfigured = (_project ?? _agentAddress) is not null;
    }

    private (Setting Project, Setting Address) ReadDestination(LangSmithVariables variables)
    {
        var hosted = variables.Get("HOSTED_LANGSERVE_PROJECT_NAME");
        var project = hosted.Value is null ? variables.Find("PROJECT", "SESSION") : hosted;
        var (id, environment) = (variables.Find("AGENT_ID"), variables.Find("AGENT_ENVIRONMENT"));
        if (id.Value is null && environment.Value is null)
            return (project, default);

        var source = id.Value is null ? environment.Source : id.Source;
        var address = Propagation.AgentAddress.Normalize($"lrn:agents/{id.Value}/environments/{environment.Value}");
        var error = project.Value is not null
            ? $"{source} and {project.Source} are both set. A run goes to one of them: remove one."
            : id.Value is null || environment.Value is null
            ? $"{source} is set alone. Set LANGSMITH_AGENT_ID and LANGSMITH_AGENT_ENVIRONMENT, or none."
            : address is null
            ? $"{id.Source} is {id.Quoted} and {environment.Source} {environment.Quoted}. The id is lower case letters, digits and "
                + "hyphens, the environment local, development, staging or production."
            : null;
        if (error is null)
            return (default, id with { Value = address });
        Notes.Errors.Add((nameof(Project), error));
        return default;
    }
}
