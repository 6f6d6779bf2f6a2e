using System.Text.Json;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http;

/// <summary>
/// How runs are traced. Precedence: environment, then <c>IConfiguration</c> (section <c>LangSmith</c>), then code; but
/// where any of them sets <see cref="Enabled"/> to false, that stands.
/// </summary>
public sealed class LangSmithOptions
{
    /// <summary>The section of <c>IConfiguration</c> that <c>AddLangSmith()</c> reads.</summary>
    public const string SectionName = "LangSmith";

    private bool _enabled = true;

    /// <summary>The kill switch: false means nothing in, nothing out, nothing recorded.</summary>
    /// <value>Default: true. Once any source has set it to false, setting it to true has no effect.</value>
    public bool Enabled
    {
        get => _enabled;
        set => _enabled &= value;
    }

    /// <summary>
    /// Whether own runs are recorded. While it is false, or there is no <see cref="IRunRecorder"/>, a parent from a
    /// trusted caller is passed on unchanged and own runs are not created.
    /// </summary>
    /// <value>
    /// Default: null, which asks the environment: <c>LANGSMITH_TRACING_V2</c>, <c>LANGCHAIN_TRACING_V2</c>,
    /// <c>LANGSMITH_TRACING</c>, <c>LANGCHAIN_TRACING</c>; the first that is set decides, and only <c>true</c> means on.
    /// </value>
    public bool? Tracing { get; set; }

    /// <summary>The project of traces that start here.</summary>
    /// <value>
    /// Default: null, which asks the environment: <c>LANGSMITH_PROJECT</c>, <c>LANGCHAIN_PROJECT</c>,
    /// <c>LANGSMITH_SESSION</c>, <c>LANGCHAIN_SESSION</c>, else <c>default</c>.
    /// </value>
    public string? Project { get; set; }

    /// <summary>
    /// The agent address of traces that start here, instead of a <see cref="Project"/>:
    /// <c>lrn:agents/&lt;id&gt;/environments/&lt;local, development, staging or production&gt;</c>.
    /// </summary>
    /// <value>
    /// Default: null, which asks the environment when no project is given: <c>LANGSMITH_AGENT_ID</c> and
    /// <c>LANGSMITH_AGENT_ENVIRONMENT</c>, both or none.
    /// </value>
    public string? AgentAddress { get; set; }

    /// <summary>How inputs, outputs, metadata and event payloads become JSON when they are handed over.</summary>
    /// <value>
    /// Default: web defaults (camel case), no HTML escaping, cycles ignored, NaN and infinities as strings. Trimmed and
    /// AOT-compiled applications give options with a <see cref="JsonSerializerOptions.TypeInfoResolver"/> for their own
    /// types; without one, only primitives, strings, and arrays and dictionaries of them are serialised.
    /// </value>
    public JsonSerializerOptions JsonSerializerOptions { get; set; } = PayloadSerializer.DefaultOptions;

    // Set while configuring, reported by the validator: a configuration step must not throw while options reload.
    internal List<string> ConfigurationErrors { get; } = [];
}
