using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LangSmith.Http.Collector.PageTests;

/// <summary>
/// A collector of its own and a browser to look at it. After each test: nothing on the console, no error, no dialog of the
/// browser's, and no request to anywhere but the collector.
/// </summary>
public abstract class PageTest
{
    private readonly ConcurrentQueue<string> _faults = [];
    private readonly List<IBrowserContext> _contexts = [];
    private readonly HttpClient _http = new();
    private Uri _origin = null!;
    private Regex? _expectedOnConsole;

    protected LangSmithCollector Collector { get; private set; } = null!;

    internal Services Services { get; private set; } = null!;

    [SetUp]
    public async Task StartCollectorAsync()
    {
        _faults.Clear();
        _contexts.Clear();
        _expectedOnConsole = null;
        Collector = await LangSmithCollector.StartAsync();
        _origin = Collector.Endpoint;
        Services = new Services(Collector);
    }

    [TearDown]
    public async Task StopAsync()
    {
        // An answer of the page comes after everything it told before.
        foreach (var page in _contexts.SelectMany(static context => context.Pages))
            await page.EvaluateAsync("new Promise(resolve => setTimeout(resolve, 0))");
        var faults = _faults.ToArray();
        foreach (var context in _contexts)
            await context.DisposeAsync();
        await Collector.DisposeAsync();
        Assert.That(faults, Is.Empty);
    }

    [OneTimeTearDown]
    public void DisposeClient() => _http.Dispose();

    /// <summary>Opens the page in a context of its own. <paramref name="address"/> is what follows the origin.</summary>
    protected async Task<IPage> OpenAsync(string address = "", int width = 1280, int height = 800, ColorScheme scheme = ColorScheme.Light)
    {
        var context = await Chromium.Browser.NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        context.SetDefaultTimeout(30_000);
        Watch(context);
        _contexts.Add(context);
        var page = await context.NewPageAsync();
        await page.GotoAsync(new Uri(_origin, address).ToString());
        await Expect(page.Locator("#connection")).ToHaveAttributeAsync("data-state", "live");
        return page;
    }

    /// <summary>Opens the page at a trace, and at a run of it.</summary>
    protected Task<IPage> OpenTraceAsync(Guid trace, Guid? run = null, int width = 1280, int height = 800, ColorScheme scheme = ColorScheme.Light) =>
        OpenAsync(run is null ? $"#trace={trace}" : $"#trace={trace}&run={run}", width, height, scheme);

    /// <summary>What the browser itself may say in this test.</summary>
    protected void ExpectOnConsole(string pattern) => _expectedOnConsole = new Regex(pattern);

    /// <summary>Stops the server and starts an empty one at the same address.</summary>
    protected async Task RestartAsync(Func<Task> whileAway)
    {
        await Collector.DisposeAsync();
        await whileAway();
        Collector = await LangSmithCollector.StartAsync(options => options.Port = _origin.Port);
        Services = new Services(Collector);
    }

    /// <summary>Posts runs as an SDK does; they are those of <see cref="PostedRun"/>.</summary>
    protected async Task<HttpResponseMessage> PostAsync(JsonObject[] post, JsonObject[]? patch = null) =>
        await _http.PostAsJsonAsync(new Uri(_origin, "/runs/batch"), new { post, patch = patch ?? [] });

    protected Task<HttpResponseMessage> GetAsync(string path) => _http.GetAsync(new Uri(_origin, path));

    private void Watch(IBrowserContext context)
    {
        context.Console += (_, message) =>
        {
            if (_expectedOnConsole?.IsMatch(message.Text) != true)
                _faults.Enqueue($"console {message.Type}: {message.Text}");
        };
        context.WebError += (_, error) => _faults.Enqueue($"error: {error.Error}");
        context.Dialog += (_, dialog) =>
        {
            _faults.Enqueue($"dialog: {dialog.Message}");
            _ = dialog.DismissAsync();
        };
        context.Request += (_, request) =>
        {
            var uri = new Uri(request.Url);
            if (uri.Scheme != "data" && uri.Authority != _origin.Authority)
                _faults.Enqueue($"request: {request.Url}");
        };
    }
}
