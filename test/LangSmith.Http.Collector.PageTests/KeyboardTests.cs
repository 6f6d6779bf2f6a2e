namespace LangSmith.Http.Collector.PageTests;

public sealed class KeyboardTests : PageTest
{
    [Test]
    public async Task Keys_FromListToRunAndBack_NeedNoMouse()
    {
        Services.Work("console", "oldest", RunTypes.Tool, 10);
        Services.Ask("What if it breaks?");
        Services.Work("console", "newest", RunTypes.Tool, 10);
        var page = await OpenAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(3);

        await page.Keyboard.PressAsync("j");
        await Expect(page.TraceLines().Nth(0)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("j");
        await Expect(page.TraceLines().Nth(1)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(page.TraceLines().Nth(2)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await Expect(page.TraceLines().Nth(2)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Home");
        await Expect(page.TraceLines().Nth(0)).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("End");
        await page.Keyboard.PressAsync("k");
        await Expect(page.TraceLines().Nth(1)).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("Enter");
        await Expect(page.RunRow("answer question")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("j");
        await Expect(page.RunRow("rewrite question")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Heading("rewrite question")).ToBeFocusedAsync();
        await Expect(page.Part("Inputs")).ToBeVisibleAsync();

        // With a run open, the keys turn its pages.
        await page.Keyboard.PressAsync("k");
        await Expect(page.Heading("POST /ask")).ToBeVisibleAsync();
        await Expect(page.RunRow("POST /ask")).ToBeFocusedAsync();

        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Heading("POST /ask")).ToHaveCountAsync(0);
        await Expect(page.RunRow("POST /ask")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToBeHiddenAsync();
        await Expect(page.TraceLines().Nth(1)).ToBeFocusedAsync();
    }

    [Test]
    public async Task Tree_Arrows_FoldUnfoldAndClimb()
    {
        var root = Services.Ask("What if it breaks?", error: "TimeoutError: shard 3 did not answer");
        var page = await OpenTraceAsync(root.TraceId);
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await page.RunRow("answer question").FocusAsync();

        await page.Keyboard.PressAsync("End");
        await Expect(page.RunRow("generate answer")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.RunRow("POST /ask")).ToBeFocusedAsync();
        await Expect(page.RunRow("POST /ask")).ToHaveAttributeAsync("aria-expanded", "true");
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.RunRow("POST /ask, chain, ok, 2.1 s, service gateway, first of its service, 5 runs hidden")).ToHaveAttributeAsync("aria-expanded", "false");
        await Expect(page.RunRows()).ToHaveCountAsync(2);
        await Expect(page.GetByRole(AriaRole.Treegrid)).ToHaveAttributeAsync("aria-rowcount", "3");
        await Expect(page.RunRow("POST /ask").Locator(".badge.error")).ToHaveTextAsync("✕ 1");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.RunRow("rewrite question")).ToBeFocusedAsync();

        await page.Button("Collapse all").ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("e");
        await Expect(page.RunRow("search index")).ToBeFocusedAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await page.RunRow("retrieve").Locator(".twisty").ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(5);
        await Expect(page.Part("Inputs")).ToHaveCountAsync(0);
        await page.Button("Expand all").ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await page.Button("Next error").ClickAsync();
        await Expect(page.RunRow("search index")).ToBeFocusedAsync();
    }

    [Test]
    public async Task Search_SlashAndEscape_GoThereAndBack()
    {
        Services.Ask("What if it breaks?");
        var page = await OpenAsync("#tab=problems");

        await page.Keyboard.PressAsync("/");
        await Expect(page.GetByLabel("Search traces")).ToBeFocusedAsync();
        await Expect(page.Tab("Traces")).ToHaveAttributeAsync("aria-selected", "true");
        // In a field, keys are letters.
        await page.Keyboard.TypeAsync("breaks?/ej");
        await Expect(page.GetByLabel("Search traces")).ToHaveValueAsync("breaks?/ej");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        await page.GetByLabel("Search traces").FillAsync("breaks");
        await Expect(page).ToHaveURLAsync(Collector.Endpoint + "#q=breaks");
        await Expect(page.TraceLines()).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.TraceLines()).ToBeFocusedAsync();
    }

    [Test]
    public async Task Dialog_OfKeys_OpensAndCloses()
    {
        var page = await OpenAsync();
        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Keyboard shortcuts" });

        await page.Keyboard.PressAsync("?");
        await Expect(dialog).ToBeVisibleAsync();
        await Expect(dialog).ToContainTextAsync("Next error in the trace");
        await page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToBeHiddenAsync();

        await page.Button("Keyboard shortcuts").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await Expect(dialog).ToBeHiddenAsync();
    }

    [Test]
    public async Task Tabs_Arrows_Switch()
    {
        Services.Leave("console", "wait");
        var page = await OpenAsync();
        await page.Tab("Traces").FocusAsync();

        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Tab("Problems (1)")).ToBeFocusedAsync();
        await Expect(page.Tab("Problems (1)")).ToHaveAttributeAsync("aria-selected", "true");
        // The list is fetched when its tab is chosen.
        var link = page.GetByRole(AriaRole.Link, new() { Name = "Run wait" });
        await Expect(link).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("j");
        await Expect(link).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Heading("wait").Last).ToBeVisibleAsync();
    }

    [TestCase(ColorScheme.Light)]
    [TestCase(ColorScheme.Dark)]
    public async Task Focus_OnEveryStopOfTheTabKey_IsVisible(ColorScheme scheme)
    {
        var root = Services.Ask("What if it breaks?", error: "TimeoutError: shard 3 did not answer");
        var page = await OpenTraceAsync(root.TraceId, root.Id, scheme: scheme);
        await Expect(page.Part("Identity")).ToBeVisibleAsync();

        var stops = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            var stop = await page.EvaluateAsync<string?>(
                """
                () => {
                    const node = document.activeElement;
                    if (node === document.body) return null;
                    const style = getComputedStyle(node);
                    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && style.outlineColor !== getComputedStyle(document.body).backgroundColor;
                    return `${ring ? "ring" : "nothing"} ${node.getAttribute("role") ?? node.tagName.toLowerCase()} ${node.getAttribute("aria-label") ?? node.id}`.trim();
                }
                """);
            if (stop is null || (stops.Count > 0 && stop == stops[0]))
                break;
            stops.Add(stop);
        }

        Assert.That(stops, Has.All.StartsWith("ring "));
        Assert.That(stops, Is.SupersetOf(
        [
            "ring tab tab-traces", "ring button clear", "ring button Keyboard shortcuts", "ring input filter-q", "ring select filter-project",
            "ring select filter-status", "ring select filter-service", "ring option", "ring button Back to traces",
            "ring row answer question, chain, ok, 2.15 s, service console", "ring button Back to trace",
            "ring button Copy inputs", "ring summary", "ring button Copy run id",
        ]));
    }
}
