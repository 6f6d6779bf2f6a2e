using System.Buffers;
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

    /// <summary>The members of <paramref name="line"/> that are not ours, byte for byte; null if there are none.</summary>
    internal static string? GetForeignMembers(string? line) => Filter(line, static member => !IsOurs(member.Key));

    /// <summary>The members of <paramref name="line"/> that are ours; null if there are none.</summary>
    internal static string? GetOurMembers(string? line) => Filter(line, static member => IsOurs(member.Key));

    /// <summary>
    /// The foreign members of <paramref name="line"/> as they are sent: exact duplicates once, and each <c>%</c> that
    /// JavaScript cannot decode as <c>%25</c>. Null if there are none.
    /// </summary>
    /// <remarks>
    /// A TypeScript service passes each member's value to <c>decodeURIComponent</c> if <c>langsmith-trace</c> is next to it,
    /// and answers 500 if that throws (<c>Baggage.fromHeader</c> in the npm package <c>langsmith</c>). Any outside caller of
    /// a gateway could provoke it.
    /// </remarks>
    internal static string? GetForeignMembersToSend(string? line)
    {
        var foreign = GetForeignMembers(line);
        if (foreign is null)
            return null;
        if (foreign.Contains('%'))
            foreign = EscapeUndecodable(foreign);
        return foreign.Contains(',') ? RemoveDuplicates(foreign) : foreign;
    }

    /// <summary>
    /// Adds the members of <paramref name="seen"/> to those of <paramref name="known"/>. For a key that is in both,
    /// <paramref name="seen"/> wins.
    /// </summary>
    internal static string? Union(string? known, string? seen)
    {
        if (known is null || seen is null)
            return known ?? seen;

        var texts = GetTexts(seen);
        var keys = GetKeys(seen);
        var line = new StringBuilder(known.Length + seen.Length + 1);
        foreach (var member in Members(known))
        {
            // The same member keeps its place.
            if (texts.Remove(member.Text.ToString()) || !keys.Contains(member.Key.ToString()))
                Append(line, member.Text);
        }

        foreach (var member in Members(seen))
        {
            if (texts.Contains(member.Text.ToString()))
                Append(line, member.Text);
        }

        return line.ToString();
    }

    /// <summary>The members of <paramref name="line"/> without those of <paramref name="removed"/>; null if none is left.</summary>
    internal static string? Except(string? line, string? removed)
    {
        if (line is null || removed is null)
            return line;
        var texts = GetTexts(removed);
        return Filter(line, member => !texts.Contains(member.Text.ToString()));
    }

    /// <summary>
    /// The baggage of an <see cref="System.Diagnostics.Activity"/> as members, <c>k=v</c>, to be added to foreign members. A key
    /// that is among those, is ours, or is no token is left out, and so is what passes the bounds of the runtime's own
    /// propagator, 64 members and <see cref="MaxBytes"/>: a caller can fill an activity's baggage.
    /// </summary>
    internal static string? GetActivityMembers(IEnumerable<KeyValuePair<string, string?>> baggage, string? foreign, out bool isCut)
    {
        isCut = false;
        var isText = baggage is BaggageText;
        StringBuilder? line = null;
        // The first key needs no set, and most activities have no second one.
        HashSet<string>? keys = foreign is null ? null : GetKeys(foreign);
        string? first = null;
        var members = 0;
        foreach (var (key, value) in baggage)
        {
            if (!HttpToken.IsToken(key) || IsOurs(key))
                continue;
            if (keys is null && first is not null)
                keys = new HashSet<string>(StringComparer.Ordinal) { first };
            first ??= key;
            if (keys?.Add(key) == false)
                continue;
            var text = isText ? value! : $"{key}={Uri.EscapeDataString(value ?? "")}";
            line ??= new StringBuilder();
            if (members++ == MaxActivityMembers || (foreign?.Length ?? 0) + line.Length + text.Length + 1 > MaxBytes)
            {
                isCut = true;
                break;
            }

            Append(line, text);
        }

        return line is { Length: > 0 } ? line.ToString() : null;
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
        if (!TryGetEscapedByte(text, out var escaped))
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

    private static HashSet<string> GetKeys(string? line)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Members(line))
            keys.Add(member.Key.ToString());
        return keys;
    }

    private static HashSet<string> GetTexts(ReadOnlySpan<char> line)
    {
        var texts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Members(line))
            texts.Add(member.Text.ToString());
        return texts;
    }

    private static string? Filter(string? line, MemberPredicate isKept)
    {
        if (string.IsNullOrEmpty(line))
            return null;

        // The common line has nothing to remove: then the caller's own string is returned.
        var isWhole = true;
        var length = 0;
        foreach (var member in Members(line))
        {
            isWhole &= isKept(member);
            length += member.Text.Length + 1;
        }

        if (isWhole && length - 1 == line.Length)
            return line;

        StringBuilder? kept = null;
        foreach (var member in Members(line))
        {
            if (isKept(member))
                Append(kept ??= new StringBuilder(line.Length), member.Text);
        }

        return kept?.ToString();
    }

    private static string RemoveDuplicates(string line)
    {
        var texts = new HashSet<string>(StringComparer.Ordinal);
        var distinct = new StringBuilder(line.Length);
        foreach (var member in Members(line))
        {
            if (texts.Add(member.Text.ToString()))
                Append(distinct, member.Text);
        }

        return distinct.Length == line.Length ? line : distinct.ToString();
    }

    private static string EscapeUndecodable(string line)
    {
        var escaped = new StringBuilder(line.Length + 8);
        var count = 0;
        foreach (var member in Members(line))
        {
            var decoded = GetDecodedPart(member.Text);
            Append(escaped, member.Text[..decoded.Start]);
            if (AppendDecodable(escaped, member.Text[decoded]))
                count++;
            escaped.Append(member.Text[decoded.End..]);
        }

        if (count == 0)
            return line;
        PropagationTelemetry.CountEscaped(count);
        return escaped.ToString();
    }

    // The value. The TypeScript SDK splits a member on '=' and decodes the second part, so a property without a value is in it too.
    private static Range GetDecodedPart(ReadOnlySpan<char> member)
    {
        var start = member.IndexOf('=') + 1;
        if (start == 0)
            return member.Length..member.Length;
        var value = IndexOrEnd(member[start..], ';');
        var decoded = IndexOrEnd(member[start..], '=');
        return start..(start + Math.Max(value, decoded));

        static int IndexOrEnd(ReadOnlySpan<char> text, char c) => text.IndexOf(c) is >= 0 and var at ? at : text.Length;
    }

    private static bool AppendDecodable(StringBuilder line, ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[4];
        var isEscaped = false;
        while (text.IndexOf('%') is >= 0 and var percent)
        {
            line.Append(text[..percent]);
            text = text[percent..];
            var length = 0;
            while (length < bytes.Length && TryGetEscapedByte(text[(3 * length)..], out bytes[length]))
                length++;
            if (Rune.DecodeFromUtf8(bytes[..length], out _, out var decoded) == OperationStatus.Done)
            {
                line.Append(text[..(3 * decoded)]);
                text = text[(3 * decoded)..];
            }
            else
            {
                line.Append("%25");
                text = text[1..];
                isEscaped = true;
            }
        }

        line.Append(text);
        return isEscaped;
    }

    private static bool TryGetEscapedByte(ReadOnlySpan<char> text, out byte value)
    {
        value = 0;
        return text.Length >= 3
            && text[0] == '%'
            && byte.TryParse(text.Slice(1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private delegate bool MemberPredicate(Member member);

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
