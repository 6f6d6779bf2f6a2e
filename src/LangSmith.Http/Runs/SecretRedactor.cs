using System.Buffers;
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

    // Prefixes that providers document. They begin at a word, so that "task-…" is none.
    private const string Keys = """
        \bsk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{20,}
        |\bsk-[A-Za-z0-9]{32,}
        |\blsv2_(?:pt|sk)_[A-Za-z0-9]{32,}(?:_[A-Za-z0-9]+)*|\bls__[A-Za-z0-9]{16,}
        |\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{40,}|\bglpat-[A-Za-z0-9_-]{20,}
        |\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[0-9A-Z]{16}\b
        |\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}
        |\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}|https://hooks\.slack\.com/services/[A-Za-z0-9/]+
        |\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{20,}|\bwhsec_[A-Za-z0-9+/=]{20,}
        |\bnpm_[A-Za-z0-9]{36}|\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{50,}|\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}
        |\bhf_[A-Za-z0-9]{30,}|\bgsk_[A-Za-z0-9]{40,}|\bxai-[A-Za-z0-9]{40,}|\bpplx-[A-Za-z0-9]{40,}|\br8_[A-Za-z0-9]{36,}|\bpcsk_[A-Za-z0-9_]{40,}
        |\bdapi[0-9a-f]{32}\b|\bdo[oprt]_v1_[0-9a-f]{64}|\bSK[0-9a-f]{32}\b|\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}
        |\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+
        |(?<pem>-----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY(?:\ BLOCK)?-----)
        """;

    // Names that tell, as they are written in code, JSON, connection strings, queries and headers.
    private const string Names = """
        (?i:api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|license[_-]?key|token|secret|password|passwd|passphrase|pwd
        |authorization|x-api-key|x-auth-token)
        """;

    // What stands before a value that may be secret. The value itself is read by code: see ReadValue.
    private const string Assignments = $$"""
        (?<name>\b[A-Za-z0-9_.-]*{{Names}}(?:[_.-][A-Za-z0-9]+)*)(?:\\*["'])?(?<sign>\s*[:=]\s*)(?<quote>\\*["'])?(?i:(?<scheme>bearer|basic|token)\s+)?
        |[?&;]sig=|\b(?i:bearer)\s+
        """;

    private const string UrlPasswords = """(?<user>\b[A-Za-z][A-Za-z0-9+.-]*://[^:@/\s]*:)[^@/\s]+@""";

    // RFC 5321 and 6531, without comments. In "key=@name.txt" there is no local part.
    private const string Atoms = """[\p{L}\p{M}\p{N}_$!#%+](?:[\p{L}\p{M}\p{N}._$!#%&'*+/=?^`{|}~-]*[\p{L}\p{M}\p{N}_$!%'+~-])?""";

    private const string Domain = """(?:[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?\.)+(?:[Xx][Nn]--[A-Za-z0-9-]+|[\p{L}\p{M}]{2,})""";

    private const string Addresses = $$"""
        (?:{{Atoms}}|"(?:[^"\\\r\n]|\\[^\r\n])+"|\\"[^"\\\r\n]+\\")(?:@|%40)(?:(?<domain>{{Domain}})|\[[0-9A-Za-z.:]+\])
        """;

    // More of a value is not looked at to decide whether it is secret.
    private const int LongestValue = 256;

    // A match takes time in proportion to the text: there is no backtracking.
    private static readonly Regex Finder = new(
        $"(?<key>{Keys})|(?<before>{Assignments})|(?<url>{UrlPasswords})|(?<email>{Addresses})",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace);

    private static readonly Regex TellingName = new(
        $"(?:{Names}|(?i:connection[_-]?string|credentials?))$",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.IgnorePatternWhitespace);

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
        for (var match = Finder.Match(text); match.Success;)
        {
            var (start, end, instead) = Find(match, text);
            if (instead is not null)
            {
                (redacted ??= new StringBuilder()).Append(text, copied, start - copied).Append(instead);
                copied = end;
            }

            match = Finder.Match(text, end);
        }

        return redacted is null ? text : redacted.Append(text, copied, text.Length - copied).ToString();
    }

    // What a match takes out, from where to where; null if it is nothing.
    private static (int Start, int End, string? Instead) Find(Match match, string text)
    {
        var end = match.Index + match.Length;
        if (match.Groups["pem"].Success)
            return (match.Index, FindEndOfPem(text, end), Secret);
        if (match.Groups["key"].Success)
            return (match.Index, end, Secret);
        if (match.Groups["email"].Success)
            return (match.Index, end, IsAddress(match.Groups["domain"].ValueSpan) ? Email : null);
        if (match.Groups["url"].Success)
            return (match.Groups["user"].Index + match.Groups["user"].Length, end - 1, Secret);
        var isQuoted = match.Groups["quote"].Success;
        var beginning = text.AsSpan(end, Math.Min(LongestValue, text.Length - end));
        return IsSecret(match, beginning[..FindEndOfValue(beginning, isQuoted)], isQuoted)
            ? (end, end + FindEndOfValue(text.AsSpan(end), isQuoted), Secret)
            : (end, end, null);
    }

    private static int FindEndOfValue(ReadOnlySpan<char> text, bool isQuoted) =>
        text.IndexOfAny(isQuoted ? EndsOfQuotedValue : EndsOfValue) is >= 0 and var end ? end : text.Length;

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
