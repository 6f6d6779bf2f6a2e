using System.Net;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Collector.PageTests;

/// <summary>Whatever a client posts is text.</summary>
public sealed class HostilePayloadTests : PageTest
{
    private const string Script = "<script>window.pwned=1</script>";
    private const string Image = "\"><img src=x onerror=window.pwned=1>";
    private const string Link = "javascript:window.pwned=1";
    private const string Bidi = "invoice\u202Efdp.exe\u2066\u200B";
    private const string BidiShown = "invoice\\u{202e}fdp.exe\\u{2066}\\u{200b}";

    // Nothing that acts, but the page's own script and the icons that are drawn in its markup.
    private const string CountActive =
        """
        document.querySelectorAll("script:not([src='app.js']), img, iframe, object, embed, form, base, meta[http-equiv], a[href^='javascript' i]").length
            + [...document.querySelectorAll("*")].filter(node => [...node.attributes].some(attribute => attribute.name.startsWith("on"))).length
        """;

    private JsonObject _run = null!;

    [SetUp]
    public async Task PostHostileRunsAsync()
    {
        _run = PostedRun.New(Script + Image)
            .With("run_type", Image)
            .With("session_name", Image)
            .With("inputs", new JsonObject { [Script] = Image, ["nested"] = new JsonArray(Script, Link, Bidi, new JsonObject { ["__proto__"] = Image }) })
            .With("outputs", new JsonObject { ["html"] = Script, ["link"] = Link })
            .With("error", Image + "\n" + Script)
            .With("tags", new JsonArray(Script, Link, Bidi))
            .With("events", new JsonArray(new JsonObject { ["name"] = Image }))
            .With("extra", new JsonObject
            {
                ["metadata"] = new JsonObject { [Image] = Script, ["thread_id"] = Script, [Bidi] = Bidi },
                ["runtime"] = new JsonObject { ["service"] = Script },
            })
            .Ended();
        var child = PostedRun.New(Bidi, _run).With("session_name", Image).With("extra", new JsonObject { ["runtime"] = new JsonObject { ["service"] = Bidi } });
        using var taken = await PostAsync([_run, child]);
        Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        using var refused = await PostAsync([PostedRun.New(Script + Link).With("dotted_order", Image)]);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [Test]
    public async Task Trace_Hostile_IsShownAsText()
    {
        var page = await OpenAsync();
        var line = page.TraceLines();
        await Expect(line.Locator(".name")).ToHaveTextAsync(Script + Image);
        await Expect(line.Locator(".service")).ToHaveTextAsync([Script, BidiShown]);
        await Expect(line.Locator(".project")).ToHaveTextAsync(Image);
        await Expect(line.Locator(".thread")).ToHaveTextAsync(Script);
        await Expect(page.Choice("Project").Locator("option").Nth(1)).ToHaveTextAsync(Image);

        await line.ClickAsync();
        await Expect(page.Heading(Script + Image)).ToBeVisibleAsync();
        await Expect(page).ToHaveTitleAsync($"{Script}{Image} · Local LangSmith");
        await Expect(page.RunRows().First.Locator(".type")).ToHaveTextAsync(Image);
        await Expect(page.RunRows().Last.Locator(".name")).ToHaveTextAsync(BidiShown);
        await AssertInertAsync(page);
    }

    [Test]
    public async Task Run_Hostile_IsShownAsText()
    {
        var page = await OpenTraceAsync(_run.TraceId(), _run.Id());

        await Expect(page.Part("Error")).ToContainTextAsync(Image);
        await Expect(page.Part("Error")).ToContainTextAsync(Script);
        await Expect(page.Part("Inputs").Locator(".key").First).ToHaveTextAsync(Script + ":");
        await Expect(page.Part("Inputs")).ToContainTextAsync(Image);
        await Expect(page.Part("Inputs")).ToContainTextAsync(BidiShown);
        await Expect(page.Part("Inputs")).ToContainTextAsync("__proto__");
        await Expect(page.Part("Outputs")).ToContainTextAsync(Link);
        await Expect(page.Part("Metadata")).ToContainTextAsync(Image);
        await Expect(page.Part("Tags").GetByRole(AriaRole.Listitem)).ToHaveTextAsync([Script, Link, BidiShown]);
        await Expect(page.Part("Events")).ToContainTextAsync(Image);
        await Expect(page.Part("Extra")).ToContainTextAsync(Script);
        await Expect(page.Part("Identity")).ToContainTextAsync(Image);
        await AssertInertAsync(page);

        // What is copied is what was sent.
        await page.Button("Copy inputs").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied inputs");
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(await page.ClipboardAsync()), _run["inputs"]), Is.True);
    }

    [Test]
    public async Task Problems_Hostile_AreShownAsText()
    {
        var page = await OpenAsync("#tab=problems");

        await Expect(page.Problems().First).ToContainTextAsync($"'{Script}{Link}' has a dotted_order whose part 1 is '\"><img src=x onerror=window");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Open the trace" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = $"Run {BidiShown}" })).ToBeVisibleAsync();
        await AssertInertAsync(page);
    }

    [Test]
    public async Task Address_Hostile_IsShownAsText()
    {
        ExpectOnConsole("40[04] \\(");
        var hostile = Uri.EscapeDataString(Image);
        var page = await OpenAsync($"#project={hostile}&service={hostile}&status={hostile}&q={hostile}&trace={hostile}&run={Uri.EscapeDataString("../../" + Script)}");

        await Expect(page.Heading("This trace is not here")).ToBeVisibleAsync();
        await Expect(page.Heading("This run is not here")).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Search traces")).ToHaveValueAsync(Image);
        await AssertInertAsync(page);
    }

    [Test]
    public async Task Policy_OfThePage_AllowsNothingInlineAndNothingFromElsewhere()
    {
        ExpectOnConsole("Content Security Policy|404 \\(");
        using var answer = await GetAsync("/");
        var policy = string.Join(';', answer.Headers.GetValues("Content-Security-Policy"));
        Assert.That(policy, Does.StartWith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"));
        Assert.That(policy, Does.Not.Contain("unsafe").And.Not.Contain("http").And.Not.Contain("*"));
        Assert.That(answer.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(["nosniff"]));
        Assert.That(answer.Headers.GetValues("Referrer-Policy"), Is.EqualTo(["no-referrer"]));

        // Even markup that got into the document would stay inert.
        var page = await OpenAsync();
        var blocked = await page.EvaluateAsync<string[]>(
            """
            () => new Promise(resolve => {
                const blocked = [];
                document.addEventListener("securitypolicyviolation", event => {
                    blocked.push(event.effectiveDirective);
                    if (blocked.length === 2) resolve(blocked.sort());
                });
                const script = document.createElement("script");
                script.textContent = "window.pwned = 1";
                document.body.append(script);
                document.body.insertAdjacentHTML("beforeend", "<img src='x' onerror='window.pwned = 1'>");
            })
            """);
        Assert.That(blocked, Is.EqualTo(["script-src-attr", "script-src-elem"]));
        Assert.That(await page.EvaluateAsync<string>("typeof window.pwned"), Is.EqualTo("undefined"));
    }

    private static async Task AssertInertAsync(IPage page)
    {
        Assert.That(await page.EvaluateAsync<string>("typeof window.pwned"), Is.EqualTo("undefined"));
        Assert.That(await page.EvaluateAsync<int>(CountActive), Is.Zero);
        Assert.That(await page.EvaluateAsync<string>("document.body.innerText + document.title"), Does.Not.Match("[\u202A-\u202E\u2066-\u2069\u200B]"));
    }
}
