namespace LangSmith.Http.Runs;

/// <summary>
/// What was found while options were configured. A configuration step must not throw while options reload: the validator
/// reports the errors, and the reader of the options logs the warnings.
/// </summary>
internal sealed class ConfigurationNotes
{
    /// <summary>Whether variables and sections have been read.</summary>
    internal bool IsConfigured { get; set; }

    /// <summary>Errors, and the option that each leaves unset. The options decide which errors code makes void.</summary>
    internal List<(string Option, string Message)> Errors { get; } = [];

    internal List<string> Warnings { get; } = [];

    internal Dictionary<string, Setting> Sources { get; } = [];

    /// <summary>The name of an option's source: a variable or a key, if it configured this value; else the option itself.</summary>
    internal string SourceOf(string option, string? value) =>
        Sources.TryGetValue(option, out var setting) && string.Equals(setting.Value, value, StringComparison.Ordinal)
            ? setting.Source
            : option;
}
