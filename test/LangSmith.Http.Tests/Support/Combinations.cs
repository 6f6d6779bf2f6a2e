namespace LangSmith.Http.Tests;

/// <summary>
/// Rows of a matrix: each pair of values of two dimensions at least once. <c>LANGSMITH_HTTP_LONG=1</c> makes it the full product.
/// </summary>
internal static class Combinations
{
    /// <summary>Yields rows of indexes, one for each dimension.</summary>
    internal static List<int[]> Pick(params int[] sizes)
    {
        var product = new List<int[]> { Array.Empty<int>() };
        foreach (var size in sizes)
            product = [.. product.SelectMany(row => Enumerable.Range(0, size).Select(value => row.Append(value).ToArray()))];
        if (Environment.GetEnvironmentVariable("LANGSMITH_HTTP_LONG") == "1")
            return product;

        var open = product.SelectMany(Pairs).ToHashSet();
        var picked = new List<int[]>();
        while (open.Count > 0)
        {
            var best = product.MaxBy(row => Pairs(row).Count(open.Contains))!;
            open.ExceptWith(Pairs(best));
            picked.Add(best);
        }

        return picked;
    }

    private static IEnumerable<(int First, int FirstValue, int Second, int SecondValue)> Pairs(int[] row)
    {
        for (var first = 0; first < row.Length; first++)
        {
            for (var second = first + 1; second < row.Length; second++)
                yield return (first, row[first], second, row[second]);
        }
    }
}
