namespace LangSmith.Http.Collector.PageTests;

/// <summary>The parts of the page, by the names its readers hear.</summary>
internal static class Parts
{
    // Selects have options, too.
    public static ILocator TraceLines(this IPage page) =>
        page.GetByRole(AriaRole.Listbox, new() { Name = "Traces, newest first" }).GetByRole(AriaRole.Option);

    public static ILocator RunRows(this IPage page) => page.GetByRole(AriaRole.Treegrid).Locator(".run");

    public static ILocator RunRow(this IPage page, string name) => page.GetByRole(AriaRole.Treegrid).GetByRole(AriaRole.Row, new() { Name = name });

    public static ILocator Part(this IPage page, string name) => page.GetByRole(AriaRole.Region, new() { Name = name, Exact = true });

    public static ILocator Button(this IPage page, string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public static ILocator Heading(this IPage page, string name) => page.GetByRole(AriaRole.Heading, new() { Name = name, Exact = true });

    // A sign stands before the name while there are problems.
    public static ILocator Tab(this IPage page, string name) => page.GetByRole(AriaRole.Tab, new() { Name = name });

    public static ILocator Choice(this IPage page, string name) => page.GetByRole(AriaRole.Combobox, new() { Name = name, Exact = true });

    public static ILocator Problems(this IPage page) =>
        page.GetByRole(AriaRole.List, new() { Name = "Problems", Exact = true }).GetByRole(AriaRole.Listitem);

    /// <summary>The rows that are drawn, from top to bottom, with their bars; boxes are relative to the waterfall.</summary>
    public static async Task<RowShown[]> ReadRowsAsync(this IPage page) => await page.RunRows().EvaluateAllAsync<RowShown[]>(
        """
        rows => rows.map(row => {
            const wave = row.querySelector(".wave").getBoundingClientRect();
            const bar = row.querySelector(".bar").getBoundingClientRect();
            return {
                label: row.getAttribute("aria-label"),
                level: Number(row.getAttribute("aria-level")),
                top: row.getBoundingClientRect().top,
                left: bar.left - wave.left,
                width: bar.width,
                wave: wave.width,
            };
        }).sort((a, b) => a.top - b.top)
        """);

    public static Task<string> ClipboardAsync(this IPage page) => page.EvaluateAsync<string>("navigator.clipboard.readText()");
}

/// <summary>A row of the tree as it is drawn.</summary>
internal sealed class RowShown
{
    public string Label { get; set; } = "";

    public int Level { get; set; }

    public double Top { get; set; }

    public double Left { get; set; }

    public double Width { get; set; }

    public double Wave { get; set; }
}
