using System.Text.Json.Nodes;

namespace LangSmith.Http.Collector.PageTests;

/// <summary>Pictures to look at, in <c>screenshots</c> of the test output; two of them are in the README.</summary>
public sealed class ScreenshotTests : PageTest
{
    private RunTree _failed = null!;

    [SetUp]
    public void RecordADay()
    {
        Services.Project = "billing";
        Services.Work("invoices", "send invoice", RunTypes.Tool, 340, new { number = "R-2024-17" }, new { sent = true });
        Services.Wait(190_000);
        Services.Project = "support";
        Services.Ask("Can I pay by invoice?", thread: "thread-37");
        Services.Wait(95_000);
        Services.Ask("Do you ship to Norway?", thread: "thread-38");
        Services.Wait(240_000);
        Services.Project = "billing";
        Services.Work("invoices", "match payment", RunTypes.Tool, 1270, error: "LookupError: no open invoice has this amount");
        Services.Work("invoices", "send reminder", RunTypes.Chain, 610);
        Services.Project = "support";
        Services.Wait(160_000);
        Services.Ask("Where is my parcel?", thread: "thread-40");
        Services.Wait(120_000);
        Services.Work("nightly", "summarise conversations", RunTypes.Chain, 48_300);
        Services.Wait(61_000);
        Services.Ask("Which size fits me?", thread: "thread-41");
        Services.Wait(33_000);
        _failed = Services.Ask(
            "My order arrived damaged. What now?",
            error: "TimeoutError: shard 3 of index 'policies' did not answer within 400 ms\n\n  at Index.Search(Query query) in Index.cs:line 88\n  at Retriever.Retrieve(String text) in Retriever.cs:line 41",
            pending: static _ => { });
        Services.Wait(12_000);
        Services.Ask("Thank you!");
    }

    [TestCase(ColorScheme.Light)]
    [TestCase(ColorScheme.Dark)]
    public async Task Page_OnADesk_IsPictured(ColorScheme scheme)
    {
        using var refused = await PostAsync([PostedRun.New("score answer").With("trace_id", _failed.TraceId.ToString())]);
        var orphan = PostedRun.New("rerank", PostedRun.New("retrieve"))
            .With("session_name", "support")
            .With("extra", new JsonObject { ["runtime"] = new JsonObject { ["service"] = "worker" } })
            .Ended();
        using var taken = await PostAsync([orphan]);
        var page = await OpenAsync(width: 1400, height: 900, scheme: scheme);
        await Expect(page.TraceLines()).ToHaveCountAsync(11);
        await SaveAsync(page, "list", scheme);

        await page.TraceLines().Filter(new() { HasText = "error" }).Filter(new() { HasText = "worker" }).First.ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await SaveAsync(page, "tree", scheme);
        await page.RunRow("search index").ClickAsync();
        await Expect(page.Part("Error")).ToContainTextAsync("shard 3");
        await page.Mouse.MoveAsync(700, 850);
        await SaveAsync(page, "trace", scheme);

        await page.Tab("Problems").ClickAsync();
        await Expect(page.Problems()).ToHaveCountAsync(3);
        await SaveAsync(page, "problems", scheme);
    }

    [TestCase(ColorScheme.Light)]
    [TestCase(ColorScheme.Dark)]
    public async Task Page_OnATelephone_IsPictured(ColorScheme scheme)
    {
        var page = await OpenTraceAsync(_failed.TraceId, width: 360, height: 740, scheme: scheme);
        await Expect(page.RunRows()).ToHaveCountAsync(7);
        await SaveAsync(page, "trace-360", scheme);
        await page.RunRow("search index").ClickAsync();
        await Expect(page.Part("Error")).ToContainTextAsync("shard 3");
        await SaveAsync(page, "run-360", scheme);
    }

    private static async Task SaveAsync(IPage page, string name, ColorScheme scheme)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "screenshots", $"{name}-{(scheme == ColorScheme.Dark ? "dark" : "light")}.png");
        await page.ScreenshotAsync(new() { Path = path, Animations = ScreenshotAnimations.Disabled });
        Assert.That(new FileInfo(path).Length, Is.GreaterThan(10_000), "there is something on it");
        TestContext.AddTestAttachment(path);
    }
}
