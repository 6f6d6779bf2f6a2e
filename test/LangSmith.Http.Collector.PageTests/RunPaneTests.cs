using System.Text.Json.Nodes;

namespace LangSmith.Http.Collector.PageTests;

public sealed class RunPaneTests : PageTest
{
    [Test]
    public async Task Run_Opened_ShowsItsParts()
    {
        var root = Services.Ask("What if it breaks?");
        var page = await OpenTraceAsync(root.TraceId);

        await page.RunRow("answer question").ClickAsync();

        await Expect(page.Locator("#run-pane").GetByRole(AriaRole.Heading, new() { Level = 2 })).ToHaveTextAsync("answer question");
        await Expect(page.Part("Inputs")).ToContainTextAsync("question: \"What if it breaks?\"");
        await Expect(page.Part("Outputs")).ToContainTextAsync("answer: \"A damaged item is refunded in full within 30 days.\"");
        await Expect(page.Part("Metadata")).ToContainTextAsync("thread_id: \"thread-42\"");
        await Expect(page.Part("Tags").GetByRole(AriaRole.Listitem)).ToHaveTextAsync(["production", "eu-west"]);
        await Expect(page.Part("Identity")).ToContainTextAsync(root.Id.ToString());
        await Expect(page.Part("Identity")).ToContainTextAsync(root.DottedOrder);
        foreach (var absent in (string[])["Problems", "Error", "Events", "Attachments"])
            await Expect(page.Part(absent)).ToHaveCountAsync(0);

        await page.Button("Back to trace").ClickAsync();
        await Expect(page.Part("Inputs")).ToHaveCountAsync(0);
        await Expect(page.RunRow("answer question")).ToBeFocusedAsync();
    }

    [Test]
    public async Task Json_Branches_FoldAndUnfold()
    {
        var root = Services.Ask("What if it breaks?");
        var page = await OpenTraceAsync(root.TraceId);
        await page.RunRow("generate answer").ClickAsync();
        var inputs = page.Part("Inputs");
        var system = inputs.GetByText("Answer from the documents only, and cite them.");
        await Expect(system).ToBeVisibleAsync();

        await inputs.Locator("summary", new() { HasText = "messages: [ 2 items ]" }).ClickAsync();
        await Expect(system).ToBeHiddenAsync();
        await Expect(inputs.GetByText("model: \"large-2\"")).ToBeVisibleAsync();

        // By keyboard, too.
        await inputs.Locator("summary", new() { HasText = "messages: [ 2 items ]" }).FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(system).ToBeVisibleAsync();
    }

    [Test]
    public async Task Copy_Part_PutsItsJsonOnTheClipboard()
    {
        var run = PostedRun.New("ask")
            .With("inputs", JsonNode.Parse("""{"big":12345678901234567890,"text":"line 1\nline 2 – ünïcode 🦜","list":[1,2.5,null,true]}"""))
            .With("outputs", new JsonObject { ["answer"] = "yes" })
            .With("extra", new JsonObject { ["metadata"] = new JsonObject { ["user"] = "u-1" } })
            .Ended();
        using var taken = await PostAsync([run]);
        var page = await OpenTraceAsync(run.TraceId(), run.Id());
        await Expect(page.Part("Inputs")).ToContainTextAsync("big: 12345678901234567890");

        await page.Button("Copy inputs").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied inputs");
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(await page.ClipboardAsync()), run["inputs"]), Is.True);

        await page.Button("Copy metadata").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied metadata");
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(await page.ClipboardAsync()), run["extra"]!["metadata"]), Is.True);

        await page.Button("Copy run as JSON").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied run as JSON");
        var copied = JsonNode.Parse(await page.ClipboardAsync())!;
        Assert.That(copied["id"]!.ToString(), Is.EqualTo(run.Id().ToString()));
        Assert.That(JsonNode.DeepEquals(copied["inputs"], run["inputs"]), Is.True);

        await page.Button("Copy trace id").First.ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied trace id");
        Assert.That(await page.ClipboardAsync(), Is.EqualTo(run.TraceId().ToString()));
    }

    // The clipboard API is missing where the collector is not on this machine and has no certificate.
    [Test]
    public async Task Copy_WithoutClipboardApi_CopiesAllTheSame()
    {
        var root = Services.Ask("What if it breaks?");
        var page = await OpenTraceAsync(root.TraceId);
        await page.EvaluateAsync("Object.defineProperty(navigator, 'clipboard', { value: undefined })");

        await page.Button("Copy trace id").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied trace id");

        await page.GetByLabel("Search traces").FocusAsync();
        await page.Keyboard.PressAsync("Control+V");
        await Expect(page.GetByLabel("Search traces")).ToHaveValueAsync(root.TraceId.ToString());
    }

    [Test]
    public async Task Payload_OfAMegabyte_OpensPieceByPiece()
    {
        var inputs = new JsonObject
        {
            ["prompt"] = new string('x', 900_000) + " the end",
            ["documents"] = new JsonArray([.. Enumerable.Range(0, 20_000).Select(static i => (JsonNode)$"number {i}")]),
        };
        var run = PostedRun.New("ask").With("inputs", inputs).Ended();
        using var taken = await PostAsync([run]);
        Assert.That(inputs.ToJsonString(), Has.Length.GreaterThan(1 << 20));

        var page = await OpenTraceAsync(run.TraceId(), run.Id());
        var part = page.Part("Inputs");
        await Expect(part).ToContainTextAsync("documents: [ 20,000 items ]");
        Assert.That(await page.EvaluateAsync<int>("document.querySelectorAll('*').length"), Is.LessThan(1000));
        await Expect(part.GetByText("number 99")).ToHaveCountAsync(0);

        await part.Locator("summary", new() { HasText = "20,000 items" }).ClickAsync();
        await Expect(part.GetByText("number 99")).ToHaveCountAsync(1);
        await part.GetByRole(AriaRole.Button, new() { Name = "Show 100 more of 20,000" }).ClickAsync();
        await Expect(part.GetByText("number 199")).ToHaveCountAsync(1);
        await part.GetByRole(AriaRole.Button, new() { Name = "Show more (899,408 of 900,008 characters left)" }).ClickAsync();
        await Expect(part.GetByRole(AriaRole.Button, new() { Name = "Show more (879,408 of 900,008 characters left)" })).ToBeVisibleAsync();

        await page.Button("Copy inputs").ClickAsync();
        await Expect(page.Locator("#toast")).ToHaveTextAsync("Copied inputs");
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(await page.ClipboardAsync()), inputs), Is.True);
    }

    [Test]
    public async Task Run_ThatEndsWhileOpen_KeepsWhatWasFolded()
    {
        using var ask = Services.Start("console", "answer question", inputs: new { question = "Why?", options = new { language = "en" } });
        var page = await OpenTraceAsync(ask.Run.TraceId, ask.Run.Id);
        await page.Part("Inputs").Locator("summary", new() { HasText = "options:" }).ClickAsync();
        await Expect(page.Part("Inputs").GetByText("language:")).ToBeHiddenAsync();
        await Expect(page.Part("Problems")).ToContainTextAsync("'answer question' has not ended");

        ask.Run.End(new { answer = "Because." });

        await Expect(page.Part("Outputs")).ToContainTextAsync("Because.");
        await Expect(page.Part("Problems")).ToHaveCountAsync(0);
        await Expect(page.Part("Inputs").GetByText("language:")).ToBeHiddenAsync();
    }
}
