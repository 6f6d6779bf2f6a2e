using System.Text.Json;

namespace LangSmith.Http.AspNetCore.Inbound;

/// <summary>What was decided about a request; it stays with the request, whose pipeline may be run more than once.</summary>
internal sealed class InboundRequest(RunContext? parent, IReadOnlyDictionary<string, JsonElement> links)
{
    /// <summary>What the request continues: the caller's run, then the request's own, if there is one.</summary>
    internal RunContext? Parent { get; set; } = parent;

    /// <summary>Metadata that names the caller's run where it is not continued.</summary>
    internal IReadOnlyDictionary<string, JsonElement> Links { get; } = links;

    /// <summary>Whether the pipeline behind the middleware is running.</summary>
    internal bool IsOpen { get; set; }
}
