namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Headers such as <c>traceparent</c> that the application wrote itself. Before each hop but the first the runtime removes what a
/// propagator may have written on the one before (<see cref="System.Diagnostics.DistributedContextPropagator.Fields"/>). It does so
/// only under an activity, so if the activity is ours, they are put back.
/// </summary>
internal static class KeptFields
{
    private static readonly HttpRequestOptionsKey<KeyValuePair<string, string[]>[]> Key = new("ls.fields");

    /// <summary>Remembers the fields of a message at the start of an attempt.</summary>
    internal static void Remember(HttpRequestMessage request, IReadOnlyCollection<string> fields)
    {
        List<KeyValuePair<string, string[]>>? kept = null;
        foreach (var name in fields)
        {
            // HeaderWriter remembers and merges this one.
            if (!name.Equals(RunContext.BaggageHeaderName, StringComparison.OrdinalIgnoreCase)
                && request.Headers.NonValidated.TryGetValues(name, out var values))
                (kept ??= []).Add(new(name, [.. values]));
        }

        if (kept is not null)
            request.Options.Set(Key, [.. kept]);
        else if (request.Options.TryGetValue(Key, out _))
            request.Options.Set(Key, []);
    }

    /// <summary>Puts back what the runtime removed; on the first hop of a message that is not remembered, remembers it.</summary>
    internal static void PutBack(HttpRequestMessage request, IReadOnlyCollection<string> fields)
    {
        if (!request.Options.TryGetValue(Key, out var kept))
        {
            Remember(request, fields);
            return;
        }

        foreach (var (name, values) in kept)
        {
            if (!request.Headers.NonValidated.Contains(name))
                request.Headers.TryAddWithoutValidation(name, values);
        }
    }
}
