using System.Net;

namespace LangSmith.Http.Collector.PageTests;

public sealed class ProblemsTests : PageTest
{
    [Test]
    public async Task Problems_None_IsSaid()
    {
        Services.Ask("What if it breaks?");
        var page = await OpenAsync();

        await page.Tab("Problems (0)").ClickAsync();

        await Expect(page.GetByText("None. LangSmith would take everything this collector was sent.")).ToBeVisibleAsync();
        await Expect(page).ToHaveURLAsync(Collector.Endpoint + "#tab=problems");
    }

    [Test]
    public async Task Problems_OrphanRefusedAndPending_AreInWordsAndGoWhenMended()
    {
        var parent = PostedRun.New("plan");
        var orphan = PostedRun.New("look up", parent).Ended();
        var pending = PostedRun.New("wait");
        var refused = PostedRun.New("misplaced").With("trace_id", Guid.CreateVersion7().ToString());
        var page = await OpenAsync("#tab=problems");
        using (var taken = await PostAsync([orphan, pending]))
            Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        using (var answer = await PostAsync([refused]))
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));

        await Expect(page.Tab("Problems (3)")).ToBeVisibleAsync();
        await Expect(page.Problems().Locator(".message")).ToContainTextAsync(
            ["'misplaced' has a dotted_order that begins with", "'wait' has not ended", $"parent {parent.Id()}, which was not posted"]);
        await Expect(page.Problems().Locator(".severity")).ToHaveTextAsync(["✕ Error", "⚠ Warning", "⚠ Warning"]);

        await page.GetByRole(AriaRole.Link, new() { Name = "Run look up" }).ClickAsync();
        await Expect(page.Heading("look up").Last).ToBeVisibleAsync();
        await Expect(page.RunRow("look up, chain, ok")).ToHaveAttributeAsync("aria-selected", "true");
        await Expect(page.RunRow("look up, chain, ok")).ToHaveAccessibleNameAsync(new System.Text.RegularExpressions.Regex("orphan: its parent is unknown, 1 problem$"));
        await Expect(page.Part("Problems")).ToContainTextAsync("which was not posted");

        // The parent and the end arrive after all. What was refused stays so.
        using (var taken = await PostAsync([parent.Ended()], [pending.End()]))
            Assert.That(taken.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        await Expect(page.Tab("Problems (1)")).ToBeVisibleAsync();
        await Expect(page.Part("Problems")).ToHaveCountAsync(0);
        await Expect(page.RunRow("look up, chain, ok")).Not.ToHaveAccessibleNameAsync(new System.Text.RegularExpressions.Regex("orphan"));
        await Expect(page.RunRow("look up, chain, ok")).ToHaveAttributeAsync("aria-level", "2");
        await page.Tab("Problems (1)").ClickAsync();
        await Expect(page.Problems()).ToHaveCountAsync(1);
        await Expect(page.Problems()).ToContainTextAsync("misplaced");
    }

    [Test]
    public async Task Trace_WithProblems_ListsThemAboveItsTree()
    {
        var parent = PostedRun.New("plan");
        var orphan = PostedRun.New("look up", parent).Ended();
        using var taken = await PostAsync([orphan]);
        var page = await OpenTraceAsync(orphan.TraceId());

        await page.GetByText("⚠ 1 problem in this trace").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Run look up" }).ClickAsync();

        await Expect(page.Part("Problems")).ToContainTextAsync("which was not posted");
        await Expect(page.TraceLines()).ToContainTextAsync("1 problem");
    }

    // It leads to the trace, which may be there: nothing is, and that is said.
    [Test]
    public async Task Link_OfARefusedRun_LeadsToItsTrace()
    {
        ExpectOnConsole("404 \\(Not Found\\)");
        using var answer = await PostAsync([PostedRun.New("misplaced").With("trace_id", Guid.CreateVersion7().ToString())]);
        var page = await OpenAsync("#tab=problems");

        await page.GetByRole(AriaRole.Link, new() { Name = "Open the trace" }).ClickAsync();

        await Expect(page.Heading("This trace is not here")).ToBeVisibleAsync();
    }
}
