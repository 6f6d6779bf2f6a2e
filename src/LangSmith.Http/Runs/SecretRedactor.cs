using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LangSmith.Http.Propagation;

namespace LangSmith.Http;

/// <summary>
/// Takes credentials and e-mail addresses out of texts and names of properties: a secret becomes <c>[SECRET_DETECTED]</c>, as in
/// <c>createSecretAnonymizer</c> of the TypeScript SDK, an address <c>[EMAIL_DETECTED]</c>. It finds keys by the prefixes of their providers, tokens by
/// their form (JWT, PEM, passwords in URLs), and values by a telling name beside them (<c>password=…</c>, <c>"api_key": "…"</c>).
/// </summary>
/// <remarks>
/// A secret that looks like any other text is not found. Each text is read in time proportional to its length. To add rules of your own, write an
/// <see cref="IRunRedactor"/> that hands its result to this one.
/// </remarks>
public sealed class SecretRedactor : IRunRedactor
{
    private const string Secret = "[SECRET_DETECTED]";
    private const string Email = "[EMAIL_DETECTED]";

    private const string Hex = "0123456789abcdefABCDEF";
    private const string Alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const string Word = Alphanumeric + "_-";

    // Prefixes that providers document, and at least how many characters follow. Counted by code: counts in a pattern make it large.
    private static readonly (string Prefix, string Alphabet, int Least)[] Keys =
    [
        ("sk-ant-", Word, 20), ("sk-proj-", Word, 20), ("sk-svcacct-", Word, 20), ("sk-admin-", Word, 20), ("sk-or-", Word, 20), ("sk-", Alphanumeric, 32),
        ("lsv2_pt_", Alphanumeric, 32), ("lsv2_sk_", Alphanumeric, 32), ("ls__", Alphanumeric, 16),
        ("ghp_", Alphanumeric, 36), ("gho_", Alphanumeric, 36), ("ghu_", Alphanumeric, 36), ("ghs_", Alphanumeric, 36), ("ghr_", Alphanumeric, 36),
        ("github_pat_", Word, 40), ("glpat-", Word, 20),
        ("AKIA", Alphanumeric, 16), ("ASIA", Alphanumeric, 16), ("ABIA", Alphanumeric, 16), ("ACCA", Alphanumeric, 16), ("AIza", Word, 35), ("GOCSPX-", Word, 20), ("ya29.", Word, 20),
        ("xoxa-", Word, 10), ("xoxb-", Word, 10), ("xoxe-", Word, 10), ("xoxp-", Word, 10), ("xoxr-", Word, 10), ("xoxs-", Word, 10), ("xapp-", Word, 12),
        ("sk_live_", Alphanumeric, 20), ("sk_test_", Alphanumeric, 20), ("rk_live_", Alphanumeric, 20), ("rk_test_", Alphanumeric, 20), ("whsec_", Alphanumeric, 20),
        ("npm_", Alphanumeric, 36), ("pypi-AgEIcHlwaS", Word, 50), ("hf_", Alphanumeric, 30), ("gsk_", Alphanumeric, 40), ("xai-", Alphanumeric, 40),
        ("pplx-", Alphanumeric, 40), ("r8_", Alphanumeric, 36), ("pcsk_", Word, 40), ("dapi", Hex, 32), ("dop_v1_", Hex, 64), ("doo_v1_", Hex, 64), ("dor_v1_", Hex, 64),
        ("SK", Hex, 32),
    ];

    // Forms without such a prefix: SendGrid, Telegram, JWT, webhooks of Slack, PEM.
    private const string Tokens = """
        \b(?<long>SG\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|[0-9]+:AA[A-Za-z0-9_-]+)
        |\b(?<secret>eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|https://hooks\.slack\.com/services/[A-Za-z0-9/]+)
        |(?<pem>-----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----)
        """;

    // SendGrid's and Telegram's tokens have this length, or more.
    private const int LongToken = 43;

    // Names that tell, as they are written in code, JSON, connection strings, queries and headers.
    private const string Names = """
        (?i:api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|license[_-]?key|token|secret|password|passwd|passphrase|pwd
        |authorization|x-api-key|x-auth-token)
        """;

    // What stands before a value that may be secret. The value itself is read by code: see FindEndOfValue.
    private const string Assignments = $$"""
        (?<name>\b[A-Za-z0-9_.-]*{{Names}}(?:[_.-][A-Za-z0-9]+)*)(?:\\*["'])?(?<sign>\s*[:=]\s*)(?<quote>\\*["'])?(?i:(?<scheme>bearer|basic|token)\s+)?
        """;

    private const string Schemes = """(?<before>[?&;]sig=|\b(?i:bearer)\s+)|(?<user>\b[A-Za-z][A-Za-z0-9+.-]*://[^:@/\s]*:)[^@/\s]+@""";

    // RFC 5321 and 6531, without comments. In "key=@name.txt" there is no local part.
    private const string Atoms = """[\p{L}\p{M}\p{N}_$!#%+](?:[\p{L}\p{M}\p{N}._$!#%&'*+/=?^`{|}~-]*[\p{L}\p{M}\p{N}_$!%'+~-])?""";

    private const string Domain = """(?:[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+(?:[Xx][Nn]--[A-Za-z0-9-]+|[\p{L}\p{M}]{2,})""";

    private const string Addresses = $$"""
        (?:{{Atoms}}|"(?:[^"\\\r\n]|\\[^\r\n])+"|\\"[^"\\\r\n]+\\")(?:@|%40|&\#64;|&\#x40;|\\u0040)(?:(?<domain>{{Domain}})|\[[0-9A-Za-z.:]+\])
        """;

    // More of a value is not looked at to decide whether it is secret.
    private const int LongestValue = 256;

    // Several, because .NET 8 bounds the size of one. A \b before the many prefixes would make it five times as large: see IsKey.
    private static readonly Regex[] Finders =
    [
        Pattern($"(?<key>{string.Join('|', Keys.Select(static key => Regex.Escape(key.Prefix)))})"),
        Pattern(Tokens),
        Pattern(Assignments),
        Pattern($"{Schemes}|(?<email>{Addresses})"),
    ];

    private static readonly Regex TellingName = Pattern($"(?:{Names}|(?i:connection[_-]?string|credentials?))$");

    private static readonly SearchValues<char> EndsOfValue = SearchValues.Create("\"'&;,\\ \t\r\n");
    private static readonly SearchValues<char> EndsOfQuotedValue = SearchValues.Create("\"'\\\r\n");

    // What stands behind an @ and a dot and is no domain: images, units of systemd.
    private static readonly string[] FileEndings = [".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".service", ".socket", ".timer", ".mount"];

    /// <inheritdoc/>
    public JsonElement Redact(RunPart part, JsonElement value)
    {
        var isChanged = false;
        var json = RawJson.Write(value, (writer, value) => Write(writer, value, name: null, ref isChanged));
        return isChanged ? RawJson.Parse(json) : value;
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value, string? name, ref bool isChanged)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(writer, value, ref isChanged);
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(writer, item, name, ref isChanged);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                var text = Read(value);
                var redacted = name is not null && IsTelling(name, text) ? Secret : Redact(text);
                if (redacted == text)
                {
                    writer.WriteRaw(value);
                    break;
                }

                isChanged = true;
                writer.WriteStringValue(redacted);
                break;
            default:
                writer.WriteRaw(value);
                break;
        }
    }

    private static void WriteObject(Utf8JsonWriter writer, JsonElement value, ref bool isChanged)
    {
        writer.WriteStartObject();
        HashSet<string>? names = null;
        foreach (var property in value.EnumerateObject())
        {
            var name = Redact(property.Name);
            if (name != property.Name)
            {
                isChanged = true;
                // Two addresses are two properties.
                names ??= [];
                for (var number = 2; !names.Add(name); number++)
                    name = $"{Redact(property.Name)} {number}";
            }

            writer.WritePropertyName(name);
            Write(writer, property.Value, property.Name, ref isChanged);
        }

        writer.WriteEndObject();
    }

    private static string Redact(string text)
    {
        StringBuilder? redacted = null;
        var copied = 0;
        var matches = Array.ConvertAll(Finders, finder => finder.Match(text));
        for (var at = 0; FindFirst(text, matches, at) is { } match;)
        {
            (var start, at, var instead) = Find(match, text);
            if (instead is null)
                continue;
            (redacted ??= new StringBuilder()).Append(text, copied, start - copied).Append(instead);
            copied = at;
        }

        return redacted is null ? text : redacted.Append(text, copied, text.Length - copied).ToString();
    }

    // The first match of any finder. One that lies further on is kept until it is reached.
    private static Match? FindFirst(string text, Match[] matches, int at)
    {
        Match? first = null;
        for (var i = 0; i < matches.Length; i++)
        {
            if (matches[i].Success && matches[i].Index < at)
                matches[i] = Finders[i].Match(text, at);
            if (matches[i].Success && (first is null || matches[i].Index < first.Index))
                first = matches[i];
        }

        return first;
    }

    // What a match takes out, from where to where; null if it is nothing.
    private static (int Start, int End, string? Instead) Find(Match match, string text)
    {
        var end = match.Index + match.Length;
        if (match.Groups["pem"].Success)
            return (match.Index, FindEndOfPem(text, end), Secret);
        if (match.Groups["secret"].Success)
            return (match.Index, end, Secret);
        if (match.Groups["key"].Success)
            return IsKey(text, match.Index) ? (match.Index, end + Count(Word, text.AsSpan(end)), Secret) : (end, end, null);
        if (match.Groups["long"].Success)
            return (match.Index, end, match.Length >= LongToken ? Secret : null);
        if (match.Groups["email"].Success)
            return (match.Index, end, IsAddress(match.Groups["domain"].ValueSpan) ? Email : null);
        if (match.Groups["user"].Success)
            return (match.Groups["user"].Index + match.Groups["user"].Length, end - 1, Secret);
        var isQuoted = match.Groups["quote"].Success;
        var beginning = text.AsSpan(end, Math.Min(LongestValue, text.Length - end));
        return IsSecret(match, beginning[..FindEndOfValue(beginning, isQuoted)], isQuoted)
            ? (end, end + FindEndOfValue(text.AsSpan(end), isQuoted), Secret)
            : (end, end, null);
    }

    private static int FindEndOfValue(ReadOnlySpan<char> text, bool isQuoted) =>
        text.IndexOfAny(isQuoted ? EndsOfQuotedValue : EndsOfValue) is >= 0 and var end ? end : text.Length;

    // A match takes time in proportion to the text: there is no backtracking.
    private static Regex Pattern([StringSyntax(StringSyntaxAttribute.Regex)] string pattern) => new(
        pattern,
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace);

    // A key begins a word: "task-…" has no "sk-".
    private static bool IsKey(string whole, int index)
    {
        if (index > 0 && (char.IsLetterOrDigit(whole[index - 1]) || whole[index - 1] == '_'))
            return false;
        var text = whole.AsSpan(index);
        foreach (var (prefix, alphabet, least) in Keys)
        {
            if (text.StartsWith(prefix, StringComparison.Ordinal) && Count(alphabet, text.Slice(prefix.Length, Math.Min(least, text.Length - prefix.Length))) == least)
                return true;
        }

        return false;
    }

    // How many characters of an alphabet a text begins with.
    private static int Count(string alphabet, ReadOnlySpan<char> text) => text.IndexOfAnyExcept(alphabet) is >= 0 and var count ? count : text.Length;

    // A key that was cut has no end: then the rest of the text is the key.
    private static int FindEndOfPem(string text, int start)
    {
        const string Marker = "-----";
        var end = text.IndexOf("-----END ", start, StringComparison.Ordinal);
        var last = end < 0 ? -1 : text.IndexOf(Marker, end + Marker.Length, StringComparison.Ordinal);
        return last < 0 ? text.Length : last + Marker.Length;
    }

    // A name alone would take ordinary code and prose: "token = default", "Password: required".
    private static bool IsSecret(Match match, ReadOnlySpan<char> value, bool isQuoted)
    {
        if (!match.Groups["name"].Success)
            return value.Length >= 10 && value.ContainsAnyInRange('0', '9');
        var name = match.Groups["name"].ValueSpan;
        var isDirectory = name.Contains("pwd", StringComparison.OrdinalIgnoreCase) && value.StartsWith("/");
        var isPassword = name.Contains("pass", StringComparison.OrdinalIgnoreCase) || name.Contains("pwd", StringComparison.OrdinalIgnoreCase);
        if (isDirectory || value.Length < (isPassword ? 4 : 6) || (!isPassword && !value.ContainsAnyInRange('A', 'z')))
            return false;
        // A variable, a placeholder, a call.
        if (value[0] is '$' or '<' or '{' or '[' or '(' or '%' || value.ContainsAny('(', '['))
            return false;
        if (isQuoted || match.Groups["scheme"].Success || value.ContainsAnyInRange('0', '9'))
            return true;
        return isPassword && match.Groups["sign"].ValueSpan is "=" && !name.Contains(value.TrimEnd('.'), StringComparison.OrdinalIgnoreCase);
    }

    // "token" is also what models call a piece of text.
    private static bool IsTelling(string name, string text) =>
        TellingName.IsMatch(name) && text.Length > 0
        && (!name.EndsWith("token", StringComparison.OrdinalIgnoreCase) || (text.Length >= 16 && !text.Any(char.IsWhiteSpace)));

    // Versions of packages are none, nor are files.
    private static bool IsAddress(ReadOnlySpan<char> domain)
    {
        var dot = domain.IndexOf('.');
        if (dot > 0 && domain[..dot].IndexOfAnyExceptInRange('0', '9') < 0 && char.IsDigit(domain[dot + 1]))
            return false;
        foreach (var ending in FileEndings)
        {
            if (domain.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
                return false;
        }

        return true;
    }

    // A text with half of a surrogate pair cannot be read as one.
    private static string Read(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return value.GetRawText();
        }
    }
}
