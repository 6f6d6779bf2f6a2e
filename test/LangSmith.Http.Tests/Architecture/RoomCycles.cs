namespace LangSmith.Http.Tests;

/// <summary>Finds rooms that reference each other, directly or through others.</summary>
internal static class RoomCycles
{
    /// <summary>The groups of rooms of which each reaches every other, with the shortest cycle through the first of them.</summary>
    public static IReadOnlyList<(IReadOnlyList<string> Rooms, IReadOnlyList<string> Shortest)> Find(IReadOnlyCollection<Arrow> arrows)
    {
        var next = arrows.ToLookup(static arrow => arrow.From, static arrow => arrow.To);
        var found = new List<(IReadOnlyList<string>, IReadOnlyList<string>)>();
        var done = new HashSet<string>();
        foreach (var room in arrows.Select(static arrow => arrow.From).Distinct().Order(StringComparer.Ordinal))
        {
            if (done.Contains(room) || GetPath(next, room, room) is not { } cycle)
                continue;
            var group = arrows.Select(static arrow => arrow.From).Distinct()
                .Where(other => other == room || (GetPath(next, room, other) is not null && GetPath(next, other, room) is not null))
                .Order(StringComparer.Ordinal).ToList();
            done.UnionWith(group);
            found.Add((group, cycle));
        }

        return found;
    }

    // The shortest path of at least one arrow; both ends included.
    private static List<string>? GetPath(ILookup<string, string> next, string from, string to)
    {
        var before = new Dictionary<string, string>();
        var open = new Queue<string>([from]);
        while (open.TryDequeue(out var room))
        {
            foreach (var reached in next[room].Where(reached => before.TryAdd(reached, room)))
            {
                if (reached != to)
                {
                    open.Enqueue(reached);
                    continue;
                }

                var path = new List<string> { to };
                do
                    path.Insert(0, before[path[0]]);
                while (path[0] != from);
                return path;
            }
        }

        return null;
    }
}
