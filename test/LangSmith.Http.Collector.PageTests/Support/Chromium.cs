namespace LangSmith.Http.Collector.PageTests;

/// <summary>One headless Chromium for all tests: the machine's own, nothing is downloaded.</summary>
[SetUpFixture]
public sealed class Chromium
{
    private static readonly string[] Paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private static IPlaywright? s_playwright;
    private static IBrowser? s_browser;

    internal static IBrowser Browser => s_browser ?? throw new InvalidOperationException("Chromium was not started.");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (Array.Find(Paths, File.Exists) is not { } path)
        {
            const string Remedy = "There is no Chromium. Install it: apt-get install chromium";
            if (Environment.GetEnvironmentVariable("CI") == "true")
                Assert.Fail(Remedy);
            Assert.Ignore(Remedy);
            return;
        }

        s_playwright = await Playwright.CreateAsync();
        s_browser = await s_playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = path,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
            Timeout = 120_000,
        });
        // Long enough for a busy machine; what holds is seen at once.
        SetDefaultExpectTimeout(15_000);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (s_browser is not null)
            await s_browser.DisposeAsync();
        s_playwright?.Dispose();
    }
}
