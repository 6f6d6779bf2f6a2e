namespace LangSmith.Http.Tests;

/// <summary>All references from one room to another.</summary>
internal sealed record Arrow(string From, string To, IReadOnlyList<SourceReference> References)
{
    /// <summary>The arrow with three of its references.</summary>
    public string Describe()
    {
        var samples = References.DistinctBy(static item => (item.From, item.Symbol)).Take(3);
        return $"{From} -> {To} ({References.Count}): {string.Join("; ", samples)}";
    }
}
