using System.Text.Json;

namespace LangSmith.Http.Tests.Runs;

/// <summary>The corpus of <see cref="SecretRedactor"/>: what it takes out, and what it leaves as it is.</summary>
public class SecretRedactorTests
{
    private const string Secret = "[SECRET_DETECTED]";
    private const string Email = "[EMAIL_DETECTED]";
    private const string Upper = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    private const string Mixed = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY";
    private const string Hex = "0123456789abcdef0123456789abcdef";

    private static readonly SecretRedactor Redactor = new();

    // Made of pieces, so that nobody's scanner takes them for real.
    private static readonly (string Kind, string[] Texts)[] Secrets =
    [
        ("Anthropic", ["sk-" + "ant-api03-" + Mixed, "sk-" + "ant-" + Mixed + "-_AA"]),
        ("OpenAI, project", ["sk-" + "proj-" + Mixed, "sk-" + "svcacct-" + Mixed + "_-x"]),
        ("OpenAI", ["sk-" + Mixed + Mixed, "sk-" + Mixed]),
        ("LangSmith", ["lsv2_" + "pt_" + Hex + "_0a1b2c3d4e", "lsv2_" + "sk_" + Hex + "_ffffffffff"]),
        ("GitHub", ["ghp_" + Mixed + "abcd", "ghs_" + Mixed + "abcdef", "github_" + "pat_" + Mixed + "_" + Mixed]),
        ("GitLab", ["glpat-" + "aB3dE5fG7hJ9kL1mN2pQ", "glpat-" + Mixed]),
        ("AWS id", ["AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + Upper[..16]]),
        ("AWS secret", ["aws_secret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE" + "KEY\"", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfi" + "CY"]),
        ("Google key", ["AIza" + Mixed + "abc", "AIza" + Mixed + "-_0"]),
        ("Google OAuth", ["ya29." + Mixed, "ya29." + "a0Af_" + Mixed]),
        ("Slack", ["xoxb-" + "1234567890-abcdefghij", "xapp-" + "1-A0123-456-abcdef", "https://hooks.slack.com/" + "services/T00/B00/abcdef"]),
        ("Stripe", ["sk_" + "live_" + Mixed, "rk_" + "test_" + Mixed]),
        ("npm", ["npm_" + Mixed + "abcd", "npm_" + Mixed + "0000"]),
        ("PyPI", ["pypi-" + "AgEIcHlwaS" + Mixed + Mixed, "pypi-" + "AgEIcHlwaS" + Mixed + Hex]),
        ("SendGrid", ["SG." + Mixed[..22] + "." + Mixed + "abcdefghijk", "SG." + Mixed[..22] + "." + Hex + "-_345678901"]),
        ("Hugging Face", ["hf_" + Mixed, "hf_" + Mixed + "ab"]),
        ("Groq, xAI, Pinecone", ["gsk_" + Mixed + Mixed, "xai-" + Mixed + Mixed, "pcsk_" + Mixed + "_" + Mixed]),
        ("Databricks", ["dapi" + Hex, "dapi" + "fedcba9876543210fedcba9876543210"]),
        ("DigitalOcean", ["dop_" + "v1_" + Hex + Hex, "doo_" + "v1_" + Hex + Hex]),
        ("Telegram", ["123456789:" + "AA" + Mixed + "x", "9876543210:" + "AA" + Mixed + "-"]),
        ("Twilio", ["SK" + Hex, "SK" + "fedcba9876543210fedcba9876543210"]),
        ("JWT", ["eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0." + "dBjftJeZ4CVP-mB92K27uhbU", "eyJ0.eyJ1." + Mixed]),
        ("PEM", ["-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE " + "KEY-----\nMIIE (cut"]),
        ("URL", ["https://ann:hunter2" + "@db.internal/x", "postgres://:s3cret-pa$$" + "@10.0.0.1:5432"]),
        ("Bearer", ["Authorization: Bearer " + Mixed, "curl -H 'authorization: bearer " + Mixed + "'", "uses Bearer " + Mixed]),
        ("Basic", ["Authorization: Basic dXNlcjpwYXNzd29" + "yZDEyMw==", "\"Authorization\": \"Basic YWxhZGRpbjpvcGVuc2VzYW1l\""]),
        ("connection string", ["Server=db;User=sa;Password=Tr0ub4dor" + "&3;Encrypt=true", "Data Source=x;Pwd=correcthorse" + ";Timeout=3"]),
        ("Azure", ["DefaultEndpointsProtocol=https;AccountKey=" + Mixed + "/+==;EndpointSuffix=core", "https://x.blob.core.windows.net/c?sv=2024&sig=" + Mixed + "%2B%3D&se=1"]),
        ("assignment", ["OPENAI_API_KEY=" + Mixed, "api_key: \"not a number at all\"", "client_secret = 'abc123def'"]),
        ("JSON in a text", ["{\"password\":\"hunt" + "er2\"}", "{\\\"api_key\\\": \\\"abcdefgh\\\"}"]),
    ];

    private static readonly string[] Addresses =
    [
        "ann@example.com", "ann+news@example.com", "ann.b.c@example.com", "a@b.co", "ANN@EXAMPLE.COM", "ann_b@example.com", "ann-b@example.com",
        "o'neil@example.com", "ann@mail.eu.example.com", "ann@example.museum", "ann@example-site.org", "1234567@example.com", "_ann@example.com",
        "ann%40example.com", "ann&#64;example.com", "ann&#x40;example.com", "ann\\u0040example.com", "\"ann b\"@example.com", "\"ann@home\"@example.com", "ann@[192.0.2.1]", "ann@[IPv6:2001:db8::1]", "用户@例子.公司",
        "jörg@müller.de", "дмитрий@пример.рф", "ann@xn--bcher-kva.example", "ann@xn--80ak6aa92e.xn--p1ai", "bounce+ann=shop.com@list.example.org",
        "customer/department=shipping@example.com", "$A12345@example.com", "!def!xyz%abc@example.com", "ann@163.com", "a.very.long.name.with.dots@example.co.uk",
        "ann~b@example.com", "संपर्क@डाटामेल.भारत",
    ];

    private static readonly string[] Frames =
        ["{0}", "write to {0}, please", "mailto:{0}?subject=hi", "<{0}>", "({0})", "It is {0}.", "{0};{0}", "\t{0}\n", "[{0}] said", "Cc: {0}, {0}"];

    private static readonly string[] Harmless =
    [
        "The tide comes in twice a day.", "Die Flut kommt zweimal am Tag.", "潮は一日に二度満ちる。", "المد مرتان في اليوم", "see @ann and @bob", "foo@", "@",
        "meet @ 5", "ann @ example", "@traceable", "@app.get(\"/items\")", "@scope/pkg@1.2.3", "react@19.0.0-rc.1", "lodash@latest", "vue@3.4/dist/vue.js",
        "logo@2x.png", "getty@tty1.service", "//a[@href='x.html']", "var path = @\"C:\\temp\\file.txt\";", "curl -d key=@file.json", "java.lang.Object@1b6d3586",
        "sha256:" + Hex + Hex, "commit " + Hex + "01234567", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "018bcfe5-687b-7000-8000-000000000001",
        "task-0123456789012345678901234567890123456789", "desk-lamp", "risk-free", "ask-me-anything", "eyJ alone", "SG.short.one", "SK-II lotion", "AKIA",
        "password", "Password: required", "The password must be long.", "Enter your password and token.", "token = default", "CancellationToken token = default;",
        "tokens: 4096", "max_tokens=4096", "token_count=1234567", "\"total_tokens\": 1234567", "tokenizer: cl100k", "usage_metadata", "password=${DB_PASSWORD}",
        "password=<your password>", "password=password", "api_key=os.environ[\"KEY\"]", "secret: {{ secret }}", "PWD=/home/ann2", "token: none", "secret: unknown",
        "Bearer authentication", "Basic authentication", "Authorization: required", "a bearer of news", "https://example.com/a@b", "https://example.com:8080/x",
        "http://localhost:5000/?q=1", "https://www.google.com/maps/@52.1,4.3,15z", "https://medium.com/@ann/post", "urn:isbn:0451450523", "10.0.0.0/8", "::1",
        "12:34:56", "2026-11-27T16:08:23Z", "$19.99", "1,234.56 €", "+47 22 12 34 56", "4111 1111 1111 1111", "a = b; c = d", "x => x.Id", "f(x, y)[0]",
        "SELECT * FROM users WHERE id = @id", "INSERT INTO t VALUES (@a, @b)", "git clone ssh://host/repo", "docker run img@sha256:" + Hex, "k8s/pod-abc12",
        "{\"role\":\"user\",\"content\":\"hi\"}", "[1,2,3]", "{\"token\":\"Hello\",\"logprob\":-0.1}", "<a href=\"x\">y</a>", "# Title", "- [ ] todo", "| a | b |",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQ=", "C:\\Users\\ann\\file.txt", "/etc/passwd",
        "emoji 🎉👩‍👩‍👧", "nul \0 del \u007f", "line\nbreak", "\\n\\t", "50% off", "100%40", "a%20b", "&amp;", "rm -rf ./x", "npm_config_cache=1", "hf_hub", "sk-learn",
        "gh_pages", "xox", "pypi-server", "dapi", "glpat", "ls__init__", "-----BEGIN CERTIFICATE-----", "private key", "keyboard: qwerty", "monkey=banana12",
    ];

    private static IEnumerable<TestCaseData> SecretCases() =>
        Secrets.SelectMany(static kind => kind.Texts.Select((text, i) => new TestCaseData(text).SetArgDisplayNames($"{kind.Kind} {i + 1}")));

    [TestCaseSource(nameof(SecretCases))]
    public void Redact_Secret_IsTakenOutOfEverySentence(string text)
    {
        var alone = Redact(text);
        Assert.That(alone, Does.Contain(Secret).And.Not.Contain(Email));
        foreach (var piece in Pieces(text))
            Assert.That(alone, Does.Not.Contain(piece));

        foreach (var frame in new[] { "use {0} for it", "\"{0}\"", "key:\n{0}\n", "({0})" })
        {
            var redacted = Redact(string.Format(null, frame, text));
            Assert.That(redacted, Does.Contain(Secret));
            foreach (var piece in Pieces(text))
                Assert.That(redacted, Does.Not.Contain(piece), frame);
        }

        // What must be gone: the long random runs, and the words that are secret.
        static IEnumerable<string> Pieces(string text) =>
            new[] { Mixed, Hex, "hunter2", "s3cret", "Tr0ub4dor", "correcthorse", "wJalrXUtn", "MIIE", "dXNlcjpwYXNz", "YWxhZGRp", "abc123def", "abcdefgh\\", "dBjft", "IOSFODNN7" }
                .Where(text.Contains);
    }

    [TestCaseSource(nameof(Addresses))]
    public void Redact_EMailAddress_IsTakenOutWhole(string address)
    {
        foreach (var frame in Frames)
            Assert.That(Redact(string.Format(null, frame, address)), Is.EqualTo(string.Format(null, frame, Email)), frame);
    }

    [Test]
    public void Redact_HarmlessTexts_AreNotTouched()
    {
        var random = new Random(7);
        var texts = new HashSet<string>(Harmless);
        string[] glue = [" ", "\n", ". ", " - ", "\t", " | "];
        while (texts.Count < 1_000)
            texts.Add(Pick(Harmless) + Pick(glue) + Pick(Harmless));

        using var all = Assert.EnterMultipleScope();
        foreach (var text in texts)
        {
            var value = JsonSerializer.SerializeToElement(new { text });
            Assert.That(Redactor.Redact(RunPart.Inputs, value).GetRawText(), Is.EqualTo(value.GetRawText()));
        }

        string Pick(string[] from) => from[random.Next(from.Length)];
    }

    [TestCase("password", "x", true)]
    [TestCase("userPassword", "hunter", true)]
    [TestCase("api_key", "whatever it is", true)]
    [TestCase("x-api-key", "k", true)]
    [TestCase("ConnectionString", "Server=db", true)]
    [TestCase("access_token", "abcdefghijklmnop", true)]
    [TestCase("token", "Hello", false)]
    [TestCase("token", "a token with blanks", false)]
    [TestCase("max_tokens", "many, many, many", false)]
    [TestCase("password_hint", "the dog", false)]
    public void Redact_PropertyWithATellingName_IsTakenOutWhole(string name, string value, bool isSecret)
    {
        var json = JsonSerializer.SerializeToElement(new Dictionary<string, object> { [name] = value, ["list"] = new Dictionary<string, string[]> { [name] = [value] } });
        var expected = isSecret ? Secret : value;
        var redacted = Redactor.Redact(RunPart.Inputs, json);
        Assert.That(redacted.GetProperty(name).GetString(), Is.EqualTo(expected));
        Assert.That(redacted.GetProperty("list").GetProperty(name)[0].GetString(), Is.EqualTo(expected));
    }

    [Test]
    public void Redact_NamesOfProperties_AreLookedAt() => Assert.That(
        RedactJson("""{"ann@example.com":1,"bob@example.com":{"c@d.org":[2]},"plain":3}"""),
        Is.EqualTo("""{"[EMAIL_DETECTED]":1,"[EMAIL_DETECTED] 2":{"[EMAIL_DETECTED]":[2]},"plain":3}"""));

    [TestCase("""{"a":"\ud800 and ann@example.com"}""", "ann@")]
    [TestCase("""{"a":"\ud800"}""", null)]
    public void Redact_HalfOfASurrogatePair_DoesNotThrow(string json, string? gone)
    {
        var redacted = RedactJson(json);
        Assert.That(redacted, gone is null ? Is.EqualTo(json) : Does.Not.Contain(gone));
    }

    [Test]
    public void Redact_Deep_DoesNotThrow()
    {
        var json = string.Concat(Enumerable.Repeat("""{"a":[""", 32)) + "\"ann@example.com\"" + string.Concat(Enumerable.Repeat("]}", 32));
        Assert.That(RedactJson(json), Is.EqualTo(json.Replace("ann@example.com", Email, StringComparison.Ordinal)));
    }

    private static IEnumerable<TestCaseData> HostileTexts()
    {
        (string Name, string Unit)[] units =
        [
            ("a", "a"), ("at", "a@"), ("dots", "a."), ("domains", "a@b."), ("token=", "token="), ("quotes", "\"\\"), ("urls", "http://a:"), ("eyJ", "eyJ."),
            ("begin", "-----BEGIN PRIVATE KEY-----"), ("password=1", "password=1"), ("bearer", "bearer "), ("keys", "sk-"), ("%40", "a%40"),
        ];
        return units.Select(static unit => new TestCaseData(string.Concat(Enumerable.Repeat(unit.Unit, 500_000 / unit.Unit.Length))).SetArgDisplayNames(unit.Name));
    }

    // With backtracking, or with a scan of the rest per match, these take minutes.
    [TestCaseSource(nameof(HostileTexts))]
    public void Redact_HostileText_Ends(string text) => Assert.That(Redact(text), Is.Not.Empty);

    [Test]
    public void Tracer_WithTheRedactor_NothingOfTheSecretsLeaves()
    {
        const string Key = "sk-" + "ant-" + Mixed;
        const string Address = "ann+news@example.com";
        var recorder = new InMemoryRunRecorder();
        var tracer = Recording.Tracer(recorder, redactor: Redactor);
        var options = new RunOptions
        {
            Tags = [$"by {Address}"],
            Metadata = [new("owner", Address), new("nested", new { password = "hunter2" })],
            OwnMetadata = [new("mine", Key)],
        };
        IReadOnlyDictionary<string, string> headers = new Dictionary<string, string>();

        Assert.That(async () => await tracer.RunAsync("run", run =>
        {
            run.AddEvent("sent", new { to = Address });
            run.SetOutputs(new { key = Key });
            headers = run.ToHeaders();
            throw new InvalidOperationException($"{Key} of {Address} is not valid.");
        }, new { question = $"My key is {Key}.", login = new { password = "hunter2" } }, options), Throws.InvalidOperationException);

        var run = recorder.Single("run");
        var all = string.Join('\n', [
            run.Inputs.Text(), run.Outputs.Text(), run.Error!, JsonSerializer.Serialize(run.Metadata), string.Join(',', run.Tags),
            string.Join(',', run.Events.Select(item => item.Payload.Text())), .. headers.Values.Select(Uri.UnescapeDataString)]);
        Assert.That(all, Does.Not.Contain(Mixed).And.Not.Contain("ann+news").And.Not.Contain("hunter2").And.Contain(Secret).And.Contain(Email));
        Assert.That(run.Inputs.Text(), Is.EqualTo("""{"question":"My key is [SECRET_DETECTED].","login":{"password":"[SECRET_DETECTED]"}}"""));
    }

    private static string Redact(string text) =>
        Redactor.Redact(RunPart.Event, JsonSerializer.SerializeToElement(text)).GetString()!;

    private static string RedactJson(string json) => Redactor.Redact(RunPart.Inputs, JsonDocument.Parse(json).RootElement).GetRawText();
}
