namespace LangSmith.Http.Tests;

/// <summary>
/// Which room may reference which. A room may also reference what its allowed rooms may reference, so a row names only the
/// nearest ones.
/// </summary>
internal sealed class ArrowRules
{
    private readonly Dictionary<string, HashSet<string>> _allowed = [];

    /// <summary>
    /// Reads the rules: a line per package, then one per room, indented, as <c>Room: Room, Room</c>. <c>(root)</c> is the
    /// package's own folder, <c>everything</c> all other rooms of the package, <c>core</c> all rooms of the first package but
    /// DependencyInjection, and <c>core Room</c> one of them.
    /// </summary>
    public ArrowRules(string text)
    {
        var rows = Parse(text).ToList();
        var core = rows[0].Package;
        var direct = rows.ToDictionary(Join, row => row.Names.SelectMany(name => name switch
        {
            "everything" => rows.Where(other => other.Package == row.Package && other.Room != row.Room).Select(Join),
            "core" => rows.Where(other => other.Package == core && other.Room != "DependencyInjection").Select(Join),
            _ when name.StartsWith("core ", StringComparison.Ordinal) => [Join(core, name["core ".Length..])],
            _ => [Join(row.Package, name)],
        }).ToList());
        foreach (var room in direct.Keys)
        {
            var reached = new HashSet<string>();
            var open = new Stack<string>(direct[room]);
            while (open.TryPop(out var next))
            {
                if (!direct.TryGetValue(next, out var further))
                    throw new ArgumentException($"{room} may reference {next}, which has no row.", nameof(text));
                if (reached.Add(next))
                    further.ForEach(open.Push);
            }

            if (reached.Contains(room))
                throw new ArgumentException($"The rules allow a cycle through {room}.", nameof(text));
            _allowed.Add(room, reached);
        }
    }

    public IEnumerable<string> Rooms => _allowed.Keys;

    /// <summary>Whether one room may reference another; a room without a row may not, and may not be referenced.</summary>
    public bool Allows(Arrow arrow) => _allowed.TryGetValue(arrow.From, out var allowed) && allowed.Contains(arrow.To);

    private static IEnumerable<(string Package, string Room, string[] Names)> Parse(string text)
    {
        var package = "";
        foreach (var line in text.Split('\n').Where(static line => !string.IsNullOrWhiteSpace(line)))
        {
            if (line[0] != ' ')
            {
                package = line.Trim();
                continue;
            }

            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var names = line[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            yield return (package, line[..colon].Trim(), names);
        }
    }

    private static string Join((string Package, string Room, string[] Names) row) => Join(row.Package, row.Room);

    private static string Join(string package, string room) => room == "(root)" ? package : $"{package}/{room}";
}
