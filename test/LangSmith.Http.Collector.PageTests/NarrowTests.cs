namespace LangSmith.Http.Collector.PageTests;

/// <summary>360 pixels wide, as a telephone is.</summary>
public sealed class NarrowTests : PageTest
{
    // What sticks out of the screen, and what can be scrolled sideways.
    private const string FindWide =
        """
        () => [...document.querySelectorAll("*")]
            .filter(node => node.checkVisibility() && !node.classList.contains("sr") && node.getBoundingClientRect().width > 1)
            .filter(node => {
                const box = node.getBoundingClientRect();
                const scrolls = /auto|scroll/.test(getComputedStyle(node).overflowX) && node.scrollWidth > node.clientWidth;
                const reachable = node.matches("a, button, input, select, summary, [role=row], [role=option], h2");
                return scrolls || (reachable && (box.left < 0 || box.right > innerWidth + 0.5));
            })
            .map(node => node.outerHTML.slice(0, 120))
        """;

    [Test]
    public async Task Views_OnATelephone_FitAndLeadBack()
    {
        const string Long = "customer-facing-recommendation-service-europe-west-4";
        Services.Work(Long, Long + ".Orchestration.AnswerQuestionPipeline", RunTypes.Tool, 10);
        Services.Leave("console", "wait");
        var root = Services.Ask("What if it breaks? " + new string('x', 500), error: "TimeoutError: " + new string('y', 500));
        using (Services.Receive(root))
            Services.Work(Long, Long + ".Orchestration.AnswerQuestionPipeline", RunTypes.Tool, 10);
        var page = await OpenAsync(width: 360, height: 740);

        await Expect(page.TraceLines()).ToHaveCountAsync(3);
        await AssertFitsAsync(page, "list");

        await page.TraceLines().First.ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(8);
        await Expect(page.TraceLines().First).ToBeHiddenAsync();
        await AssertFitsAsync(page, "trace");
        foreach (var row in await page.ReadRowsAsync())
            Assert.That(row.Left + row.Width, Is.InRange(2, row.Wave + 2), row.Label);
        Assert.That((await page.ReadRowsAsync())[0].Wave, Is.GreaterThan(300));

        await page.RunRow("search index").ClickAsync();
        await Expect(page.Heading("search index")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToBeHiddenAsync();
        await AssertFitsAsync(page, "run");

        await page.Button("Back to trace").ClickAsync();
        await Expect(page.RunRow("search index")).ToBeFocusedAsync();
        await page.Button("Back to traces").ClickAsync();
        await Expect(page.TraceLines().First).ToBeFocusedAsync();

        await page.Tab("Problems").ClickAsync();
        await Expect(page.Problems()).Not.ToHaveCountAsync(0);
        await AssertFitsAsync(page, "problems");
        await page.Tab("Traces").ClickAsync();

        await page.Button("Keyboard shortcuts").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await AssertFitsAsync(page, "keys");
    }

    private static async Task AssertFitsAsync(IPage page, string view)
    {
        Assert.That(await page.EvaluateAsync<int>("document.documentElement.scrollWidth"), Is.LessThanOrEqualTo(360), view);
        Assert.That(await page.EvaluateAsync<string[]>(FindWide), Is.Empty, view);
    }
}
