namespace LangSmith.Http.Runs;

/// <summary>
/// What was found while options were configured. A configuration step must not throw while options reload: errors are
/// reported by the validator, warnings by whoever reads the options.
/// </summary>
internal sealed class ConfigurationNotes
{
    /// <summary>Errors by the option they leave unset; setting it in code makes an error void.</summary>
    internal List<(string Option, string Message)> Errors { get; } = [];

    internal List<string> Warnings { get; } = [];

    internal Dictionary<string, Setting> Sources { get; } = [];

    /// <summary>The name of an option's source: a variable or a key, if it configured this value; else the option itself.</summary>
    internal string SourceOf(string option, string? value) =>
        Sources.TryGetValue(option, out var setting) && string.Equals(setting.Value, value, StringComparison.Ordinal)
            ? setting.Source
            : option;
}
