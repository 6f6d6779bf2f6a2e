using Microsoft.Extensions.Configuration;

namespace LangSmith.Http.Runs;

/// <summary>
/// Reads what configures options below code: the variables, and under them the sections. Used by the options of all
/// packages.
/// </summary>
internal sealed class ConfigurationReader(LangSmithVariables variables, IReadOnlyList<IConfigurationSection> sections)
{
    /// <summary>
    /// The keys that the options of all packages have in a section. The core knows them, because each package reads its own keys only.
    /// </summary>
    internal static readonly IReadOnlySet<string> Keys = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
    {
        "AgentAddress", "ApiKey", "Enabled", "Endpoint", "FlushInterval", "ForwardSampledOutTraces", "Headers", "HideInputs", "HideMetadata", "HideOutputs",
        "MaxBatchOperations", "MaxPayloadBytes", "MaxQueuedBytes", "MaxQueuedOperations", "MaxRetryTime", "Project", "RequestTimeout",
        "SamplingRate", "ServiceName", "ShutdownTimeout", "Tracing", "WorkspaceId",
    };

    internal delegate bool TryParse<TValue>(string? text, out TValue value);

    /// <summary>The reader where no container is: the process's environment alone.</summary>
    internal static ConfigurationReader OfProcess { get; } = new(new LangSmithVariables(null), []);

    internal LangSmithVariables Variables => variables;

    /// <summary>Reads a key of the sections; the last section that has it wins.</summary>
    internal Setting Section(string key) => InSections(key).LastOrDefault(new Setting(key, null));

    /// <summary>Reads two keys that exclude each other: of the last section that has one of them.</summary>
    internal (Setting First, Setting Second) Section(string first, string second) => sections
        .Select(section => (First: Read(section, first), Second: Read(section, second)))
        .LastOrDefault(static pair => (pair.First.Value ?? pair.Second.Value) is not null);

    /// <summary>Reads a key of each section that has it.</summary>
    internal IEnumerable<Setting> InSections(string key) =>
        sections.Select(section => Read(section, key)).Where(static setting => setting.Value is not null);

    /// <summary>Reads the children of a key in all sections, in order.</summary>
    internal IEnumerable<KeyValuePair<string, string?>> Children(string key) => sections
        .SelectMany(section => section.GetSection(key).GetChildren())
        .Select(static child => new KeyValuePair<string, string?>(child.Key, child.Value));

    /// <summary>Finds the keys of all sections that no option has, such as a misspelled one.</summary>
    internal IEnumerable<string> FindUnknownKeys() =>
        from section in sections
        from child in section.GetChildren()
        where !Keys.Contains(child.Key)
        select $"{section.Path}:{LangSmithVariables.Mask(child.Key)}";

    /// <summary>Chooses a setting: the variable, else the section. Notes a warning if both are set and disagree.</summary>
    internal static Setting Choose(Setting variable, Setting section, ConfigurationNotes notes, bool isSecret = false)
    {
        if (variable.Value is null)
            return section;
        if (section.Value is { } other && !IsSame(variable.Value, other))
        {
            notes.Warnings.Add(isSecret
                ? $"{variable.Source} and {section.Source} differ. {variable.Source} is used."
                : $"{variable.Source} is {variable.Quoted} and {section.Source} is {section.Quoted}. {variable.Source} is used.");
        }

        return variable;
    }

    /// <summary>Reads a text. Its source is kept in the notes, so that an error can name it.</summary>
    internal string? ReadText(string key, string? variable, ConfigurationNotes notes, bool isSecret = false)
    {
        var setting = Choose(variable is null ? default : variables.Find(variable), Section(key), notes, isSecret);
        if (setting.Value is { } value)
            notes.Sources[key] = new Setting(setting.Source, value);
        return setting.Value;
    }

    /// <summary>Reads a value of another type. Notes an error if the text cannot be parsed.</summary>
    internal TValue? ReadValue<TValue>(string key, string? variable, string expected, TryParse<TValue> parse, ConfigurationNotes notes)
        where TValue : struct
    {
        if (ReadText(key, variable, notes) is not { } text)
            return null;
        if (parse(text, out var value))
            return value;
        notes.Errors.Add((key, $"{notes.Sources[key].Source} is {notes.Sources[key].Quoted}. Set it to {expected}."));
        return null;
    }

    private static bool IsSame(string left, string right) =>
        string.Equals(left, right, StringComparison.Ordinal)
        || (bool.TryParse(left, out var flag) && bool.TryParse(right, out var other) && flag == other);

    // Cleaned like a variable: LangSmith__… variables are part of the section, and placeholders are blank.
    private static Setting Read(IConfigurationSection section, string key) =>
        new($"{section.Path}:{key}", LangSmithVariables.Clean(section[key]));
}
