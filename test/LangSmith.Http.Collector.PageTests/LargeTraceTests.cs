namespace LangSmith.Http.Collector.PageTests;

/// <summary>Ten thousand runs in one trace: a root, 99 batches, 100 steps in each.</summary>
public sealed class LargeTraceTests : PageTest
{
    private const int Batches = 99;
    private const int Steps = 100;

    private Guid _trace;

    [SetUp]
    public void RecordRuns()
    {
        using var root = Services.Start("console", "index archive");
        _trace = root.Run.TraceId;
        for (var batch = 0; batch < Batches; batch++)
        {
            Services.Wait(1);
            using var received = Services.Receive(root.Run);
            using var _ = Services.Start("worker", $"batch {batch}");
            for (var step = 0; step < Steps; step++)
                Services.Work("worker", $"step {batch}/{step}", RunTypes.Tool, 1, error: (batch, step) == (70, 5) ? "no such page" : null);
        }
    }

    [Test]
    public async Task Tree_OfTenThousandRuns_DrawsOnlyWhatIsSeen()
    {
        var page = await OpenAsync();
        await Expect(page.TraceLines()).ToContainTextAsync("10,000 runs");
        await page.TraceLines().ClickAsync();
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToHaveAttributeAsync("aria-rowcount", "10001");
        await AssertFewRowsAsync(page);

        await page.RunRow("index archive").FocusAsync();
        await page.Keyboard.PressAsync("End");
        await Expect(page.RunRow("step 98/99,")).ToBeFocusedAsync();
        await Expect(page.RunRow("step 98/99,")).ToBeInViewportAsync(new() { Ratio = 1 });
        await Expect(page.RunRow("step 98/99,")).ToHaveAttributeAsync("aria-rowindex", "10001");
        await AssertFewRowsAsync(page);
        await page.Keyboard.PressAsync("PageUp");
        await page.Keyboard.PressAsync("Home");
        await Expect(page.RunRow("index archive")).ToBeFocusedAsync();
        await Expect(page.RunRow("index archive")).ToBeInViewportAsync(new() { Ratio = 1 });

        // In the middle, far from the focus: the row at each place is the one that belongs there.
        var rowHeight = await page.RunRows().First.EvaluateAsync<double>("row => row.getBoundingClientRect().height");
        await page.GetByRole(AriaRole.Treegrid).EvaluateAsync("(tree, top) => { tree.scrollTop = top; }", 5000 * rowHeight);
        await Expect(page.RunRow("step 49/49,")).ToBeInViewportAsync(new() { Ratio = 1 });
        await AssertFewRowsAsync(page);
        var rows = (await page.ReadRowsAsync()).Where(static row => row.Top > 0).ToArray();
        // The row at 5000 is run 5000: root, 49 whole batches of 101, the fiftieth itself, then its step 49.
        var first = Array.FindIndex(rows, static row => row.Label.StartsWith("step 49/49,", StringComparison.Ordinal));
        Assert.That(rows[first].Label, Is.EqualTo("step 49/49, tool, ok, 1 ms, service worker"));
        Assert.That(rows[first + 1].Label, Does.StartWith("step 49/50,"));
        Assert.That(rows[first + 1].Top - rows[first].Top, Is.EqualTo(rowHeight).Within(0.5));
        Assert.That(rows[first + 1].Left, Is.GreaterThan(rows[first].Left));
        Assert.That(rows[first].Left, Is.EqualTo(rows[first].Wave / 2).Within(rows[first].Wave / 50));
    }

    [Test]
    public async Task Tree_OfTenThousandRuns_FoldsAndFindsTheError()
    {
        var page = await OpenTraceAsync(_trace);
        await page.Button("Collapse all").ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(1);
        await Expect(page.RunRow("index archive, chain, ok, 10 s, service console, 9,999 runs hidden")).ToBeVisibleAsync();

        await page.RunRow("index archive").Locator(".twisty").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToHaveAttributeAsync("aria-rowcount", "101");
        await Expect(page.RunRow("batch 0, chain, ok, 100 ms, service worker, first of its service, 100 runs hidden")).ToBeVisibleAsync();

        await page.Button("Next error").ClickAsync();
        await Expect(page.RunRow("step 70/5, tool, error, 1 ms, service worker")).ToBeFocusedAsync();
        await Expect(page.RunRow("step 70/5, tool, error, 1 ms, service worker")).ToBeInViewportAsync(new() { Ratio = 1 });

        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Part("Error")).ToContainTextAsync("no such page");
        await page.Button("Expand all").ClickAsync();
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToHaveAttributeAsync("aria-rowcount", "10001");
        await AssertFewRowsAsync(page);
    }

    [Test]
    public async Task Address_OfARunFarDown_ScrollsThere()
    {
        var run = Collector.Traces[0].Runs.Single(static run => run.Name == "step 70/5");

        var page = await OpenTraceAsync(_trace, run.Id);

        await Expect(page.RunRow("step 70/5, tool, error, 1 ms, service worker")).ToBeInViewportAsync(new() { Ratio = 1 });
        await Expect(page.RunRow("step 70/5, tool, error, 1 ms, service worker")).ToHaveAttributeAsync("aria-selected", "true");
        await AssertFewRowsAsync(page);
    }

    private static async Task AssertFewRowsAsync(IPage page) =>
        Assert.That(await page.GetByRole(AriaRole.Treegrid).Locator("[role=row]").CountAsync(), Is.InRange(10, 200));
}
