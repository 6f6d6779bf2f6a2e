namespace LangSmith.Http.Collector.PageTests;

public sealed class FilterTests : PageTest
{
    [SetUp]
    public void RecordTraces()
    {
        Services.Ask("What if it breaks?");
        Services.Wait(1000);
        Services.Ask("Where is my parcel?", error: "TimeoutError: shard 3 did not answer");
        Services.Wait(1000);
        Services.Project = "billing";
        Services.Work("invoices", "send invoice", RunTypes.Tool, 30, new { number = "R-2024-17", note = "<Größe L>" });
        Services.Wait(1000);
        Services.Leave("invoices", "collect payment");
    }

    [Test]
    public async Task List_NoFilter_ShowsNewestFirst()
    {
        var page = await OpenAsync();

        await Expect(page.TraceLines().Locator(".name")).ToHaveTextAsync(["collect payment", "send invoice", "answer question", "answer question"]);
        await Expect(page.TraceLines().First).ToContainTextAsync("billing");
        await Expect(page.TraceLines().Last).ToContainTextAsync("7 runs");
        await Expect(page.TraceLines().Last).ToContainTextAsync("2.15 s");
        await Expect(page.TraceLines().Last).ToContainTextAsync("thread-42");
        await Expect(page.Locator("#counts")).ToHaveTextAsync("4 traces · 16 runs held");
        await Expect(page.Button("Reset filter")).ToBeHiddenAsync();
    }

    // What is wrong with a trace must not be cut off for want of room.
    [TestCase(1400)]
    [TestCase(1000)]
    [TestCase(800)]
    public async Task Line_OfATraceWithEverything_ShowsEachBadgeWhole(int width)
    {
        Services.Ask("Why?", error: "TimeoutError: shard 3 did not answer", pending: static _ => { });
        var page = await OpenAsync(width: width);

        await Expect(page.TraceLines().First.Locator(".badge")).ToHaveTextAsync(["✕ 1 error", "… 1 pending", "⚠ 1 problem"]);
        Assert.That(
            await page.TraceLines().First.Locator(".badge").EvaluateAllAsync<bool[]>(
                "badges => badges.map(badge => badge.getBoundingClientRect().right <= badge.parentElement.getBoundingClientRect().right + 0.5)"),
            Is.All.True);
    }

    [TestCase("Project", "billing", "#project=billing", "collect payment", "send invoice")]
    [TestCase("Status", "error", "#status=error", "answer question")]
    [TestCase("Status", "pending", "#status=pending", "collect payment")]
    [TestCase("Status", "ok", "#status=ok", "send invoice", "answer question")]
    [TestCase("Service", "worker", "#service=worker", "answer question", "answer question")]
    public async Task Select_Value_NarrowsTheListAndTheAddress(string label, string value, string address, params string[] names)
    {
        var page = await OpenAsync();

        await page.Choice(label).SelectOptionAsync(value);

        await Expect(page.TraceLines().Locator(".name")).ToHaveTextAsync(names);
        await Expect(page).ToHaveURLAsync(Collector.Endpoint + address);
        await page.ReloadAsync();
        await Expect(page.TraceLines().Locator(".name")).ToHaveTextAsync(names);
        await Expect(page.Choice(label)).ToHaveValueAsync(value);
    }

    [TestCase("send INV", 1, TestName = "Search_Name_Finds")]
    [TestCase("PARCEL", 1, TestName = "Search_InputOfAnyRun_Finds")]
    [TestCase("did not answer", 1, TestName = "Search_Error_Finds")]
    [TestCase("eu-west", 2, TestName = "Search_Tag_Finds")]
    [TestCase("2024.11", 2, TestName = "Search_Metadata_Finds")]
    [TestCase("größe", 1, TestName = "Search_OtherThanAscii_Finds")]
    [TestCase("policy-17", 2, TestName = "Search_Output_Finds")]
    public async Task Search_Text_Finds(string text, int traces)
    {
        var page = await OpenAsync();

        await page.GetByLabel("Search traces").FillAsync(text);

        await Expect(page.TraceLines()).ToHaveCountAsync(traces);
        await Expect(page.Locator("#counts")).ToContainTextAsync(traces == 1 ? "1 trace match" : $"{traces} traces match");
        await page.ReloadAsync();
        await Expect(page.GetByLabel("Search traces")).ToHaveValueAsync(text);
        await Expect(page.TraceLines()).ToHaveCountAsync(traces);
    }

    [Test]
    public async Task Filters_Together_NarrowAndReset()
    {
        var page = await OpenAsync("#project=support&status=error&q=parcel");
        await Expect(page.TraceLines()).ToHaveCountAsync(1);

        await page.Choice("Service").SelectOptionAsync("invoices");
        await Expect(page.Heading("No trace matches")).ToBeVisibleAsync();
        await page.Locator("#empty").GetByRole(AriaRole.Button, new() { Name = "Reset filter" }).ClickAsync();

        await Expect(page.TraceLines()).ToHaveCountAsync(4);
        await Expect(page.GetByLabel("Search traces")).ToHaveValueAsync("");
        await Expect(page.Choice("Status")).ToHaveValueAsync("");
        await Expect(page).ToHaveURLAsync(Collector.Endpoint + "#");
    }

    [Test]
    public async Task List_Filtered_StaysSoWhenTracesArrive()
    {
        var page = await OpenAsync("#project=support");
        await Expect(page.TraceLines()).ToHaveCountAsync(2);

        Services.Work("invoices", "refund", RunTypes.Tool, 30);
        Services.Project = "support";
        Services.Work("console", "rate answer", RunTypes.Tool, 30);

        await Expect(page.TraceLines().Locator(".name")).ToHaveTextAsync(["rate answer", "answer question", "answer question"]);
    }

    [Test]
    public async Task Address_OfARun_OpensItInAnotherWindow()
    {
        var page = await OpenAsync();
        await page.TraceLines().Nth(2).ClickAsync();
        await page.RunRow("search index").ClickAsync();
        await Expect(page.Heading("search index")).ToBeVisibleAsync();
        await page.Button("Copy link").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied link");
        var link = await page.ClipboardAsync();
        Assert.That(link, Does.Match("#trace=[0-9a-f-]{36}&run=[0-9a-f-]{36}$"));

        var other = await OpenAsync(link);

        await Expect(other.Heading("search index")).ToBeVisibleAsync();
        await Expect(other.RunRow("search index, tool, error, 450 ms, service worker")).ToHaveAttributeAsync("aria-selected", "true");
        await Expect(other.Part("Error")).ToContainTextAsync("TimeoutError: shard 3 did not answer");
        await Expect(other.TraceLines().Nth(2)).ToHaveAttributeAsync("aria-selected", "true");
        await Expect(other).ToHaveTitleAsync("answer question · Local LangSmith");
    }

    [Test]
    public async Task History_BackAndForward_FollowsWhatWasOpened()
    {
        var page = await OpenAsync();
        await page.Choice("Project").SelectOptionAsync("support");
        await Expect(page.TraceLines()).ToHaveCountAsync(2);
        await page.TraceLines().Last.ClickAsync();
        await page.RunRow("retrieve").ClickAsync();
        await Expect(page.Heading("retrieve")).ToBeVisibleAsync();
        await page.Tab("Problems (1)").ClickAsync();
        await Expect(page.Problems()).ToHaveCountAsync(1);

        await page.GoBackAsync();
        await Expect(page.Heading("retrieve")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Expect(page.Heading("retrieve")).ToBeHiddenAsync();
        await Expect(page.Heading("answer question")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToBeHiddenAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(2);
        await page.GoBackAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(4);
        await Expect(page.Choice("Project")).ToHaveValueAsync("");

        await page.GoForwardAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(2);
        await page.GoForwardAsync();
        await page.GoForwardAsync();
        await Expect(page.Heading("retrieve")).ToBeVisibleAsync();
        await Expect(page.RunRow("retrieve")).ToHaveAttributeAsync("aria-selected", "true");
    }

    [Test]
    public async Task Address_OfWhatIsNotHeld_IsSaid()
    {
        ExpectOnConsole("404 \\(Not Found\\)");
        var page = await OpenTraceAsync(Guid.CreateVersion7());

        await Expect(page.Heading("This trace is not here")).ToBeVisibleAsync();
        await page.Button("Back to traces").ClickAsync();

        await Expect(page.TraceLines()).ToHaveCountAsync(4);
        await Expect(page.Heading("This trace is not here")).ToBeHiddenAsync();
    }

    [Test]
    public async Task List_MoreThanAPage_ShowsTheRestWhenAsked()
    {
        for (var i = 0; i < 250; i++)
            Services.Work("loop", $"tick {i}", RunTypes.Tool, 1);
        var page = await OpenAsync("#service=loop");
        await Expect(page.TraceLines()).ToHaveCountAsync(200);

        await page.Button("Show more (50 older)").ClickAsync();

        await Expect(page.TraceLines()).ToHaveCountAsync(250);
        await Expect(page.TraceLines().Last).ToContainTextAsync("tick 0");
        await Expect(page.Locator("#more")).ToBeHiddenAsync();
    }
}
