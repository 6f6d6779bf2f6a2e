using System.Globalization;
using System.Text;

namespace LangSmith.Http.Propagation;

/// <summary>
/// The grammar of the <c>baggage</c> line, and the one place that merges our members with everybody else's:
/// ours first, joined by <c>,</c> without a blank, foreign members byte for byte in their order.
/// </summary>
/// <remarks>
/// The Python and TypeScript SDKs split on <c>,</c> and <c>=</c> without trimming, and Python stops at the first
/// member it cannot read, hence the order and the missing blanks.
/// </remarks>
internal static class BaggageLine
{
    /// <summary>
    /// The longest line into which members of ours are written, in bytes: W3C Baggage asks every platform to carry
    /// 8192, and proxies refuse longer header lines.
    /// </summary>
    internal const int MaxBytes = 8192;

    /// <summary>
    /// The longest line that is read, in characters; a longer one is ignored. Larger than what is written, because the
    /// other SDKs have no limit: it is Kestrel's for all headers of a request together.
    /// </summary>
    internal const int MaxReadLength = 32768;

    private const int MaxActivityMembers = 64;
    private const string OurPrefix = "langsmith-";

    /// <summary>Walks the members of a line, blanks around them trimmed.</summary>
    internal static MemberEnumerator Members(ReadOnlySpan<char> line) => new(line);

    /// <summary>
    /// True for every key this protocol owns, whichever the version that wrote it, encoded or not: the runtime's own
    /// propagators decode keys as forms are and trim them, and pass <c>langsmith%2Dproject</c> and
    /// <c>+langsmith-project</c> on as <c>langsmith-project</c>.
    /// </summary>
    internal static bool IsOurs(ReadOnlySpan<char> key)
    {
        // Decoded in place, and no further than it matters: a caller can send thousands of escaped keys.
        int length;
        while (DecodeFirst(key, out length) is ' ' or '\t')
            key = key[length..];
        foreach (var expected in OurPrefix)
        {
            var c = DecodeFirst(key, out length);
            if (c != expected && !(char.IsAsciiLetterUpper(c) && char.ToLowerInvariant(c) == expected))
                return false;
            key = key[length..];
        }

        return true;
    }

    /// <summary>The members of <paramref name="line"/> that are not ours; null when there are none.</summary>
    internal static string? Foreign(string? line)
    {
        if (string.IsNullOrEmpty(line))
            return null;

        // The common foreign line has nothing to drop; then the caller's own string is kept.
        var isClean = true;
        var length = 0;
        foreach (var member in Members(line))
        {
            isClean &= !IsOurs(member.Key);
            length += member.Text.Length + 1;
        }

        if (isClean && length - 1 == line.Length)
            return line;

        StringBuilder? kept = null;
        foreach (var member in Members(line))
        {
            if (!IsOurs(member.Key))
                Append(kept ??= new StringBuilder(line.Length), member.Text);
        }

        return kept?.ToString();
    }

    /// <summary>Joins two lists of foreign members; where both have a key, the first list's member stays.</summary>
    internal static string? Union(string? first, string? second)
    {
        if (first is null || second is null)
            return first ?? second;

        var keys = Keys(first);
        StringBuilder? line = null;
        foreach (var member in Members(second))
        {
            if (!keys.Contains(member.Key.ToString()))
                Append(line ??= new StringBuilder(first), member.Text);
        }

        return line?.ToString() ?? first;
    }

    /// <summary>
    /// Adds an <see cref="System.Diagnostics.Activity"/>'s baggage to a list of foreign members, as <c>k=v</c>. A key
    /// that is already there, is ours, or is no token is left out, and so is what passes the bounds of the runtime's own
    /// propagator, 64 members and <see cref="MaxBytes"/>: a caller can fill an activity's baggage.
    /// </summary>
    internal static string? AddActivityBaggage(string? foreign, IEnumerable<KeyValuePair<string, string?>> baggage)
    {
        StringBuilder? line = null;
        HashSet<string>? keys = null;
        var members = 0;
        foreach (var (key, value) in baggage)
        {
            if (!HttpToken.IsToken(key) || IsOurs(key) || !(keys ??= Keys(foreign)).Add(key))
                continue;
            var encoded = Uri.EscapeDataString(value ?? "");
            line ??= new StringBuilder(foreign);
            if (members++ == MaxActivityMembers || line.Length + key.Length + encoded.Length + 2 > MaxBytes)
            {
                PropagationTelemetry.CountDropped(DroppedMembers.ActivityBaggage);
                break;
            }

            Append(line, key).Append('=').Append(encoded);
        }

        return line is { Length: > 0 } ? line.ToString() : foreign;
    }

    /// <summary>Ours, then theirs; null when there is neither.</summary>
    internal static string? Join(string? ours, string? foreign) =>
        ours is null ? foreign : foreign is null ? ours : string.Concat(ours, ",", foreign);

    // The byte, where a character beyond ASCII is escaped; NUL at the end. Neither is in a key of ours.
    private static char DecodeFirst(ReadOnlySpan<char> text, out int length)
    {
        length = Math.Min(text.Length, 1);
        if (text.IsEmpty)
            return '\0';
        if (text[0] == '+')
            return ' ';
        if (text[0] != '%' || text.Length < 3 || !byte.TryParse(text.Slice(1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var escaped))
            return text[0];
        length = 3;
        return (char)escaped;
    }

    private static StringBuilder Append(StringBuilder line, ReadOnlySpan<char> text)
    {
        if (line.Length > 0)
            line.Append(',');
        return line.Append(text);
    }

    private static HashSet<string> Keys(string? line)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Members(line))
            keys.Add(member.Key.ToString());
        return keys;
    }

    /// <summary>One member: the whole text, and its key and value without blanks and <c>;properties</c>.</summary>
    internal readonly ref struct Member
    {
        internal Member(ReadOnlySpan<char> text)
        {
            Text = text;
            var pair = text;
            var semicolon = pair.IndexOf(';');
            if (semicolon >= 0)
                pair = pair[..semicolon];
            var equals = pair.IndexOf('=');
            HasValue = equals >= 0;
            Key = (equals < 0 ? pair : pair[..equals]).Trim(" \t");
            Value = equals < 0 ? default : pair[(equals + 1)..].Trim(" \t");
        }

        internal ReadOnlySpan<char> Text { get; }

        internal ReadOnlySpan<char> Key { get; }

        internal ReadOnlySpan<char> Value { get; }

        internal bool HasValue { get; }
    }

    internal ref struct MemberEnumerator(ReadOnlySpan<char> line)
    {
        private ReadOnlySpan<char> _rest = line;
        private bool _isDone;

        public Member Current { get; private set; }

        public readonly MemberEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            while (!_isDone)
            {
                var comma = _rest.IndexOf(',');
                var text = (comma < 0 ? _rest : _rest[..comma]).Trim(" \t");
                if (comma < 0)
                    _isDone = true;
                else
                    _rest = _rest[(comma + 1)..];
                if (text.IsEmpty)
                    continue;
                Current = new Member(text);
                return true;
            }

            return false;
        }
    }
}
