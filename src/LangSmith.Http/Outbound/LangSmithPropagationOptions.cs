using System.Collections.Frozen;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Propagation;

namespace LangSmith.Http;

/// <summary>
/// Where one client's headers may go, and how much they may say. Named by client: configure them with
/// <c>AddLangSmithPropagation(o =&gt; …)</c>, which has them validated when the application starts, or with
/// <c>services.Configure&lt;LangSmithPropagationOptions&gt;(clientName, …)</c>; then it is when the client is first made.
/// </summary>
public sealed class LangSmithPropagationOptions
{
    /// <summary>
    /// The origins that may get the headers: scheme and host, with an optional port, and nothing else. A host is exact
    /// (<c>https://answers.internal</c>, <c>http://127.0.0.1:8080</c>) or all hosts below one
    /// (<c>https://*.internal</c>, which is not <c>https://internal</c>). Without a port the scheme's own is meant. Use them on
    /// clients that leave your network: the headers carry run ids, the project, tags and metadata.
    /// </summary>
    /// <value>
    /// Default: empty. Then the handler's being on the client is the consent for the hosts the client calls, and an
    /// origin that a redirect leads to gets nothing. With targets, first requests and redirects alike go by them.
    /// </value>
    /// <remarks>
    /// With service discovery, write the name as the application does (<c>https+http://answers</c>) and add the handler before
    /// service discovery, because it compares the address as the handlers above it left it. Handlers that
    /// <c>ConfigureHttpClientDefaults</c> adds come first; below those, write the addresses they resolve.
    /// </remarks>
    public IList<string> Targets { get; } = [];

    /// <summary>
    /// The budget of the <c>baggage</c> line, foreign members included, in bytes. Over it, LangSmith's members shrink: first
    /// metadata (<c>thread_id</c>, <c>session_id</c> and <c>conversation_id</c> are kept if they fit), then tags. The
    /// project or address stays unless the line would pass 8192 bytes.
    /// </summary>
    /// <value>Default: 4096. Range: 0 to 8192.</value>
    public int MaxBaggageBytes { get; set; } = HeaderFormat.DefaultMaxBaggageBytes;

    /// <summary>The metadata keys that may travel.</summary>
    /// <value>Default: null, which means all, as in the other SDKs. Empty means none.</value>
    public ISet<string>? PropagatedMetadataKeys { get; set; }

    // Wins over every registration of the handler, whatever the order.
    internal bool IsRemoved { get; set; }

    // The handler came by ConfigureHttpClientDefaults: worth a warning when there are no targets.
    internal bool IsForAllClients { get; set; }

    /// <summary>Compiles the options; null, and what is wrong with them, if they are invalid.</summary>
    internal PropagationPolicy? TryCompile(out List<string> errors)
    {
        errors = [];
        var targets = new List<PropagationTarget>(Targets.Count);
        foreach (var text in Targets)
        {
            if (PropagationTarget.TryParse(text, out var target, out var error))
                targets.Add(target);
            else
                errors.Add(error);
        }

        if (MaxBaggageBytes is < 0 or > BaggageLine.MaxBytes)
            errors.Add($"MaxBaggageBytes is {MaxBaggageBytes}. Set it to a number of bytes from 0 to {BaggageLine.MaxBytes}.");
        return errors.Count == 0
            ? PropagationPolicy.Create(targets, MaxBaggageBytes, PropagatedMetadataKeys?.ToFrozenSet(StringComparer.Ordinal))
            : null;
    }
}
