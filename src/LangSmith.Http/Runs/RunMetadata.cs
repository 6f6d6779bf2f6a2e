using System.Collections.Frozen;
using System.Text.Json;

namespace LangSmith.Http.Runs;

/// <summary>A run's metadata by how far it goes.</summary>
/// <param name="Inherited">What the runs below it and the next service get, too.</param>
/// <param name="Own">What stays on this run, over the former; null if there is none.</param>
internal readonly record struct RunMetadata(
    IReadOnlyDictionary<string, JsonElement> Inherited, IReadOnlyDictionary<string, JsonElement>? Own)
{
    // The source is LangSmith's documentation (ls-metadata-parameters, log-llm-trace): were they inherited, costs would count twice.
    private static readonly FrozenSet<string> Facts = FrozenSet.ToFrozenSet(
    [
        "usage_metadata", "ls_provider", "ls_model_name", "ls_model_type", "ls_temperature", "ls_max_tokens", "ls_stop",
        "ls_invocation_params", "ls_message_format", "ls_agent_type", "ls_is_error_interrupt",
    ]);

    /// <summary>What the run reports.</summary>
    internal IReadOnlyDictionary<string, JsonElement> All
    {
        get
        {
            if (Own is null)
                return Inherited;
            var all = new Dictionary<string, JsonElement>(Inherited);
            foreach (var (key, value) in Own)
                all[key] = value;
            return all;
        }
    }

    /// <summary>Whether a key says something about one run only.</summary>
    internal static bool IsFact(string key) => Facts.Contains(key);

    /// <summary>What another run hands down: without the facts about it.</summary>
    internal static IReadOnlyDictionary<string, JsonElement> HandedDown(IReadOnlyDictionary<string, JsonElement> metadata) =>
        metadata.Keys.Any(IsFact) ? metadata.Where(static pair => !IsFact(pair.Key)).ToDictionary() : metadata;
}
