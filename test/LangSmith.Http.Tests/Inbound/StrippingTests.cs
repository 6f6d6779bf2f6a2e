using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>What is relayed in a request, on the wire: what the application without us relays, less what is ours.</summary>
[NonParallelizable] // Activity listeners and the current propagator are the process's.
public sealed class StrippingTests
{
    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";
    private const string TraceParent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    // Header lines as a caller writes them. Each has tenant=7, and something of ours.
    private static readonly string[][] Requests =
    [
        [$"langsmith-trace: {Trace}", "baggage: langsmith-metadata=%7B%22user%22%3A%22u%22%7D,langsmith-project=evil,tenant=7"],
        [$"LangSmith-Trace: {Trace}", "BAGGAGE: LangSmith-Project=evil,tenant=7,LANGSMITH-TAGS=a"],
        ["baggage: tenant=7,langsmith%2Dproject=evil,%6Cangsmith-tags=a,%4cangsmith%2dreplicas=%5B%5D"],
        ["baggage: tenant=7,%20langsmith-project=evil,+langsmith-tags=a,%09langsmith-metadata=b"],
        ["baggage: langsmith-project=evil", "baggage: user=u,tenant=7", "baggage: langsmith-tags=a,region=eu"],
        ["baggage: tenant=7;secure;ttl=5,langsmith-project=evil;p=1;q,user=u"],
        ["baggage:   langsmith-project = evil ,\ttenant = 7 , ,\tlangsmith-tags\t=a ,"],
        ["baggage: langsmith-project,tenant=7,langsmith-tags=,langsmith-future=x"],
        [$"langsmith-trace: {Trace}", "Correlation-Context: langsmith-project=evil,tenant=7"],
        ["baggage: tenant=7,langsmith-project=evil", "Correlation-Context: langsmith%2Dproject=evil", "correlation-context: tenant=7"],
    ];

    private ActivityListener _activities = null!;
    private RawServer _third = null!;

    public enum Setup
    {
        WithoutUs,
        Nobody,
        RuleSaysNo,
        StrippingOnly,
        Trusted,
        Off,
    }

    [SetUp]
    public void Listen()
    {
        // Otherwise ASP.NET Core starts no activity, and has nothing to relay.
        _activities = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Microsoft.AspNetCore",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
        };
        ActivitySource.AddActivityListener(_activities);
        _third = new RawServer();
    }

    [TearDown]
    public async Task StopListening()
    {
        _activities.Dispose();
        await _third.DisposeAsync();
    }

    [Test]
    public async Task Relay_OurMembers_NeverLeave(
        [Values(Setup.Nobody, Setup.RuleSaysNo, Setup.StrippingOnly, Setup.Trusted, Setup.Off)] Setup setup,
#if NET10_0_OR_GREATER
        [Values("/plain", "/yarp", "/copied")] string path,
#else
        [Values("/plain", "/yarp")] string path,
#endif
        [Values] bool isLegacyPropagator,
        [Values] bool hasActivity)
    {
        if (!hasActivity)
            _activities.Dispose();
        var before = DistributedContextPropagator.Current;
        if (isLegacyPropagator)
            DistributedContextPropagator.Current = LegacyPropagator();
        try
        {
            await using var without = await StartAsync(Setup.WithoutUs);
            await using var with = await StartAsync(setup);
            var leaks = 0;
            using (Assert.EnterMultipleScope())
            {
                foreach (var request in Requests.SelectMany(static lines => new[] { lines, [TraceParent, .. lines] }))
                {
                    var unchanged = await RelayAsync(without, path, request);
                    var stripped = await RelayAsync(with, path, request);
                    var name = string.Join(" | ", request);
                    foreach (var header in (string[])["baggage", "Correlation-Context"])
                        Assert.That(Members(stripped, header), Is.EqualTo(Foreign(Members(unchanged, header))), name);
                    Assert.That(Uri.UnescapeDataString(stripped), Does.Not.Contain("langsmith").IgnoreCase, name);
                    leaks += Uri.UnescapeDataString(unchanged).Contains("langsmith", StringComparison.OrdinalIgnoreCase) ? 1 : 0;
                }
            }

            // That the test can fail. Without an activity a plain client relays nothing; .NET 8 reads no baggage without a traceparent.
            Assert.That(leaks, path == "/plain" && !hasActivity ? Is.Zero : Is.GreaterThan(Environment.Version.Major >= 10 ? Requests.Length : Requests.Length - 2));
        }
        finally
        {
            DistributedContextPropagator.Current = before;
        }
    }

    [Test]
    public async Task Relay_TrustedCaller_OnlyAClientWithOurHandlerSendsARun_AndItIsOurs()
    {
        await using var server = await TracedServer.StartAsync(app => app.MapGet("/", (LangSmithTracer tracer) => tracer.RunAsync("work", async _ =>
        {
            using var plain = new HttpClient();
            using var ours = new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler()));
            await plain.GetStringAsync(_third.Origin);
            await ours.GetStringAsync(_third.Origin);
        })));

        await RawServer.SendAsync(server.Origin, [TraceParent, $"langsmith-trace: {Trace}", "baggage: langsmith-project=caller,langsmith-tags=theirs,tenant=7"]);

        var run = server.Recorder.Runs.Single();
        var (first, second) = (_third.Heads[0], _third.Heads[1]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Does.Not.Contain("langsmith").IgnoreCase);
            Assert.That(Members(first).Select(static line => line.Replace(" ", "", StringComparison.Ordinal)), Is.EqualTo(new[] { "tenant=7" }));
            Assert.That(run.DottedOrder, Does.StartWith(Trace + "."));
            Assert.That(RawServer.Lines(second, "langsmith-trace"), Is.EqualTo(new[] { run.DottedOrder }));
            Assert.That(RawServer.Lines(second, "baggage").First(), Does.Contain("langsmith-project=caller").And.EndsWith(",tenant=7"));
        }
    }

    // What the application finds in its headers; one line of text a header line.
    [TestCase("baggage: tenant=7;secure;ttl=5,langsmith-project=evil;p=1;q, user = a%20b ;x", "tenant=7;secure;ttl=5,user = a%20b ;x")]
    [TestCase("baggage: a=1|baggage: langsmith-project=evil|baggage: b=2,langsmith-tags=t,c=3", "a=1|b=2,c=3")]
    [TestCase("baggage: a=%2c%2C,b=\"x\",,=,langsmithx=1,langsmith-x=1", "a=%2c%2C,b=\"x\",=,langsmithx=1")]
    [TestCase("baggage: a=1,LangSmith%2DProject=x,lang%73mith-tags=y,%61=2", "a=1,%61=2")]
    [TestCase("baggage: langsmith-project=evil", "")]
    [TestCase("Correlation-Context: langsmith-project=evil,tenant=7|baggage: user=u", "user=u|tenant=7")]
    [TestCase("langsmith-trace: x|LANGSMITH-TRACE: y|baggage: tenant=7", "tenant=7")]
    [TestCase("baggage: a = 1 , b=2|x-other: langsmith-project=x", "a = 1 , b=2")]
    public async Task Strip_ForeignMembers_KeepTheirBytesAndLines(string sent, string left)
    {
        string? seen = null;
        await using var app = await StartAsync(Setup.StrippingOnly, map: app => app.MapGet("/", (HttpRequest request) =>
        {
            Assert.That(request.Headers.ContainsKey("langsmith-trace"), Is.False);
            seen = string.Join('|', [.. request.Headers["baggage"], .. request.Headers["Correlation-Context"]]);
        }));
        Assert.That(await RawServer.SendAsync(new Uri(app.Urls.Single()), sent.Split('|')), Does.StartWith("HTTP/1.1 200"));
        Assert.That(seen, Is.EqualTo(left));
    }

    [Test]
    public async Task Strip_NothingOfOurs_LeavesTheValuesThemselves([Values(Setup.StrippingOnly, Setup.Nobody, Setup.Trusted)] Setup setup)
    {
        string?[]? before = null;
        string?[]? after = null;
        await using var app = await StartAsync(
            setup,
            first: app => app.Use((context, next) =>
            {
                before = context.Request.Headers["baggage"].ToArray();
                return next(context);
            }),
            map: app => app.MapGet("/", (HttpRequest request) => { after = request.Headers["baggage"].ToArray(); }));
        await RawServer.SendAsync(new Uri(app.Urls.Single()), [TraceParent, "baggage: a=1 , b=2", "baggage: tenant=7"]);
        Assert.That(after, Is.SameAs(before).And.EqualTo(new[] { "a=1 , b=2", "tenant=7" }));
    }

    [Test]
    public async Task Activity_CustomPropagatorRegisteredBefore_IsWrappedAndCalled([Values("instance", "factory", "type")] string registration)
    {
        CountingPropagator.Calls = 0;
        string? seen = null;
        await using var server = await TracedServer.StartAsync(
            app => app.MapGet("/", () => { seen = string.Join(',', Activity.Current!.Baggage.Select(static member => $"{member.Key}={member.Value}")); }),
            services: services => _ = registration switch
            {
                "instance" => services.AddSingleton<DistributedContextPropagator>(new CountingPropagator()),
                "factory" => services.AddSingleton<DistributedContextPropagator>(static _ => new CountingPropagator()),
                _ => services.AddSingleton<DistributedContextPropagator, CountingPropagator>(),
            });
        await RawServer.SendAsync(server.Origin, [TraceParent, "baggage: tenant=7,langsmith-project=evil"]);
        Assert.That(seen, Is.EqualTo("tenant=7"));
        Assert.That(CountingPropagator.Calls, Is.EqualTo(1));
    }

    private static DistributedContextPropagator LegacyPropagator() =>
#if NET10_0_OR_GREATER
        DistributedContextPropagator.CreatePreW3CPropagator();
#else
        DistributedContextPropagator.CreateDefaultPropagator();
#endif

    // Lines without blanks around members and without empty members, which neither we nor the runtime keep.
    private static string[] Members(string head, string name = "baggage") =>
        [.. RawServer.Lines(head, name).Select(static line => Keep(line, static _ => true)).Where(static line => line.Length > 0)];

    private static string[] Foreign(string[] lines) =>
        [.. lines.Select(static line => Keep(line, static member => !IsOurs(member))).Where(static line => line.Length > 0)];

    private static string Keep(string line, Func<string, bool> isKept) =>
        string.Join(',', line.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(isKept));

    private static bool IsOurs(string member) =>
        Uri.UnescapeDataString(member.Replace('+', ' ')).TrimStart().StartsWith("langsmith-", StringComparison.OrdinalIgnoreCase);

    private async Task<string> RelayAsync(WebApplication app, string path, string[] lines)
    {
        var count = _third.Heads.Length;
        Assert.That(await RawServer.SendAsync(new Uri(new Uri(app.Urls.Single()), path), lines), Does.StartWith("HTTP/1.1 200"));
        Assert.That(_third.Heads, Has.Length.EqualTo(count + 1));
        return _third.Heads[^1];
    }

    private async Task<WebApplication> StartAsync(Setup setup, Action<WebApplication>? map = null, Action<WebApplication>? first = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddHttpForwarder();
#if NET10_0_OR_GREATER
        builder.Services.AddHeaderPropagation(static options =>
        {
            foreach (var name in (string[])["langsmith-trace", "baggage", "Correlation-Context"])
                options.Headers.Add(name);
        });
        builder.Services.AddHttpClient("copied").AddHeaderPropagation();
#endif
        if (setup == Setup.StrippingOnly)
        {
            builder.Services.AddLangSmithHeaderStripping();
        }
        else if (setup != Setup.WithoutUs)
        {
            builder.Services.AddLangSmith(options => options.Enabled = setup != Setup.Off);
            builder.Services.AddLangSmithInbound(options => _ = setup switch
            {
                Setup.Nobody => options.Trust.Nobody(),
                Setup.RuleSaysNo => options.Trust.When(static _ => ValueTask.FromResult(false)),
                _ => options.Trust.FromAnyone(),
            });
        }

        var app = builder.Build();
        first?.Invoke(app);
        if (setup == Setup.StrippingOnly)
            app.UseLangSmithHeaderStripping();
        else if (setup != Setup.WithoutUs)
            app.UseLangSmithTracing();
#if NET10_0_OR_GREATER
        app.UseHeaderPropagation();
        app.MapGet("/copied", (IHttpClientFactory clients) => clients.CreateClient("copied").GetStringAsync(_third.Origin));
#endif
        app.MapGet("/plain", async () =>
        {
            using var http = new HttpClient();
            return await http.GetStringAsync(_third.Origin);
        });
        app.MapForwarder("/yarp", _third.Origin.ToString());
        map?.Invoke(app);
        await app.StartAsync();
        return app;
    }

    private sealed class CountingPropagator : DistributedContextPropagator
    {
        private readonly DistributedContextPropagator _inner = CreateDefaultPropagator();

        internal static int Calls { get; set; }

        public override IReadOnlyCollection<string> Fields => _inner.Fields;

        public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter) => _inner.Inject(activity, carrier, setter);

        public override void ExtractTraceIdAndState(object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
            _inner.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

        public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter)
        {
            Calls++;
            return _inner.ExtractBaggage(carrier, getter);
        }
    }
}
