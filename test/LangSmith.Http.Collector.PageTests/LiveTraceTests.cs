namespace LangSmith.Http.Collector.PageTests;

public sealed class LiveTraceTests : PageTest
{
    [Test]
    public async Task Trace_OverThreeServices_AppearsWhileThePageIsOpen()
    {
        var page = await OpenAsync();
        await Expect(page.Heading("No traces yet")).ToBeVisibleAsync();
        await page.EvaluateAsync("window.sameDocument = true");

        using var ask = Services.Start("console", "answer question");
        var line = page.TraceLines();
        await Expect(line).ToHaveCountAsync(1);
        await Expect(line).ToContainTextAsync("answer question");
        await Expect(line).ToContainTextAsync("console");
        await Expect(line).ToContainTextAsync("1 pending");
        await Expect(line).Not.ToContainTextAsync("gateway");

        await line.ClickAsync();
        await Expect(page.RunRows()).ToHaveCountAsync(1);
        Services.Wait(20);
        RunTree generate;
        using (Services.Receive(ask.Run))
        using (var post = Services.Start("gateway", "POST /ask"))
        {
            await Expect(page.RunRow("POST /ask, chain, pending, service gateway, first of its service")).ToBeVisibleAsync();
            await Expect(line).ToContainTextAsync("gateway");
            Services.Wait(20);
            using (Services.Receive(post.Run))
            {
                Services.Work("worker", "search index", RunTypes.Tool, 450, error: "TimeoutError: shard 3 did not answer");
                Services.Wait(10);
                generate = Services.Leave("worker", "generate answer", RunTypes.Llm);
            }

            Services.Wait(100);
        }

        ask.Dispose();
        await Expect(page.RunRow("generate answer, llm, pending, service worker, first of its service, 1 problem")).ToHaveClassAsync("run pending hop");
        await Expect(line).ToContainTextAsync("1 error");
        Services.Wait(400);
        generate.End();

        // All that ends, and all that was told, is there without a reload.
        await Expect(page.RunRow("generate answer, llm, ok, 500 ms, service worker, first of its service")).ToHaveClassAsync("run ok hop");
        await Expect(line).Not.ToContainTextAsync("pending");
        Assert.That((await page.ReadRowsAsync()).Select(static row => $"{row.Level} {row.Label}"), Is.EqualTo(
        [
            "1 answer question, chain, ok, 600 ms, service console",
            "2 POST /ask, chain, ok, 580 ms, service gateway, first of its service",
            "3 search index, tool, error, 450 ms, service worker, first of its service",
            "3 generate answer, llm, ok, 500 ms, service worker, first of its service",
        ]));
        await Expect(page.RunRow("search index")).ToHaveClassAsync("run error hop");
        await Expect(page.RunRow("answer question")).ToHaveClassAsync("run ok");
        await Expect(page.GetByRole(AriaRole.List, new() { Name = "Services" }).GetByRole(AriaRole.Listitem)).ToHaveTextAsync(["console", "gateway", "worker"]);
        await Expect(page.GetByRole(AriaRole.Treegrid, new() { Name = "Runs of answer question" })).ToHaveAttributeAsync("aria-rowcount", "5");
        Assert.That(await page.EvaluateAsync<bool>("window.sameDocument"), Is.True);
    }

    [Test]
    public async Task Waterfall_OfEndedRuns_IsAsTheTimesSay()
    {
        var root = Services.Ask("What if it breaks?");
        var page = await OpenTraceAsync(root.TraceId);
        await Expect(page.RunRows()).ToHaveCountAsync(7);

        var rows = await page.ReadRowsAsync();

        // Offset and duration in milliseconds, of 2150.
        (string Name, int Offset, int Duration)[] expected =
        [
            ("answer question", 0, 2150), ("POST /ask", 20, 2100), ("rewrite question", 40, 220), ("retrieve", 280, 620),
            ("embed query", 300, 120), ("search index", 430, 450), ("generate answer", 920, 1180),
        ];
        Assert.That(rows.Select(static row => row.Label.Split(',')[0]), Is.EqualTo(expected.Select(static run => run.Name)));
        Assert.That(rows.Select(static row => row.Level), Is.EqualTo([1, 2, 3, 3, 4, 4, 3]));
        Assert.That(rows[0].Wave, Is.GreaterThan(200));
        using (Assert.EnterMultipleScope())
        {
            foreach (var (row, (name, offset, duration)) in rows.Zip(expected))
            {
                Assert.That(row.Left, Is.EqualTo(row.Wave * offset / 2150).Within(1), name);
                Assert.That(row.Width, Is.EqualTo(row.Wave * duration / 2150).Within(1), name);
            }
        }
    }

    [Test]
    public async Task Waterfall_PendingRun_ReachesTheEndAndIsHatched()
    {
        RunTree? open = null;
        var root = Services.Ask("What if it breaks?", pending: run => open = run);
        var page = await OpenTraceAsync(root.TraceId);
        await Expect(page.RunRows()).ToHaveCountAsync(7);

        var row = (await page.ReadRowsAsync())[^1];

        Assert.That(row.Label, Is.EqualTo("generate answer, llm, pending, service worker, first of its service, 1 problem"));
        Assert.That(row.Left + row.Width, Is.EqualTo(row.Wave).Within(1));
        Assert.That(await page.Locator(".run.pending .bar").EvaluateAsync<string>("bar => getComputedStyle(bar).backgroundImage"), Does.Contain("repeating-linear-gradient"));
        Assert.That(await page.Locator(".run.hop").First.EvaluateAsync<string>("row => getComputedStyle(row, '::before').borderTopStyle"), Is.EqualTo("dashed"));

        open!.End();
        await Expect(page.RunRow("generate answer, llm, ok, 1.23 s, service worker, first of its service")).ToBeVisibleAsync();
        await Expect(page.Locator(".run.pending")).ToHaveCountAsync(0);
    }

    [Test]
    public async Task Services_InOneTrace_HaveColoursOfTheirOwn()
    {
        var root = Services.Ask("What if it breaks?", error: "TimeoutError: shard 3 did not answer");
        var page = await OpenTraceAsync(root.TraceId);
        await Expect(page.RunRows()).ToHaveCountAsync(7);

        var colours = await page.RunRows().EvaluateAllAsync<string[]>("rows => rows.map(row => getComputedStyle(row.querySelector('.bar')).backgroundColor)");

        // In the order of the tree: console, gateway, gateway, worker, worker, the error, worker.
        Assert.That(colours.Distinct().Count(), Is.EqualTo(4));
        Assert.That(colours[2], Is.EqualTo(colours[1]));
        Assert.That(colours[4], Is.EqualTo(colours[3]));
        Assert.That(colours[6], Is.EqualTo(colours[3]));
        Assert.That(colours[5], Is.EqualTo("rgb(179, 36, 27)"), "red is for errors");
    }

    [Test]
    public async Task Server_GoesAndComesBack_IsSaid()
    {
        ExpectOnConsole("Failed to load resource: net::ERR_");
        Services.Ask("What if it breaks?");
        var page = await OpenAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(1);

        await RestartAsync(async () =>
        {
            await Expect(page.Locator("#connection")).ToHaveTextAsync("Offline");
            await Expect(page.TraceLines()).ToHaveCountAsync(1);
        });

        await Expect(page.Locator("#connection")).ToHaveTextAsync("Live");
        await Expect(page.Heading("No traces yet")).ToBeVisibleAsync();
        Services.Ask("And now?");
        await Expect(page.TraceLines()).ToHaveCountAsync(1);
    }

    [Test]
    public async Task Clear_AskedFirst_ForgetsAll()
    {
        Services.Ask("What if it breaks?");
        var page = await OpenAsync();
        await Expect(page.TraceLines()).ToHaveCountAsync(1);
        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Clear all traces?" });

        await page.Button("Clear").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(dialog).ToBeHiddenAsync();
        Assert.That(Collector.Traces, Has.Count.EqualTo(1));

        await page.Button("Clear").ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Clear all" }).ClickAsync();
        await Expect(page.Heading("No traces yet")).ToBeVisibleAsync();
        await Expect(page.Button("Clear")).ToBeDisabledAsync();
        Assert.That(Collector.Traces, Is.Empty);
    }
}
