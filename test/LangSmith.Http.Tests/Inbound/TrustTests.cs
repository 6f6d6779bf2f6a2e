using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests;

/// <summary>Whose runs are continued.</summary>
[NonParallelizable] // Counters are the process's.
public sealed class TrustTests
{
    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    /// <summary>Where <c>UseAuthentication()</c> stands relative to <c>UseLangSmithTracing()</c>.</summary>
    public enum Place
    {
        Before,
        After,
        Nowhere,
    }

    [Test]
    public async Task FromNetworks_SpoofedForwardedFor_IsNotTheConnectionsAddress()
    {
        await using var server = await TracedServer.StartAsync(Map, static options => options.Trust.FromNetworks("10.0.0.0/8"));
        foreach (var header in (string[])["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"])
            Assert.That(await IsTrustedAsync(server.Client, (header, header == "Forwarded" ? "for=10.0.0.1" : "10.0.0.1")), Is.False, header);

        await using var loopback = await TracedServer.StartAsync(Map, static options => options.Trust.FromNetworks("10.0.0.0/8", "127.0.0.0/8"));
        Assert.That(await IsTrustedAsync(loopback.Client, ("X-Forwarded-For", "192.0.2.1")), Is.True, "the connection's address counts");
    }

    [TestCase("127.0.0.1", true)]
    [TestCase("192.0.2.1", false)]
    public async Task FromNetworks_AppRanForwardedHeadersBefore_TakesWhatAKnownProxySays(string knownProxy, bool isTrusted)
    {
        await using var server = await TracedServer.StartAsync(
            Map,
            static options => options.Trust.FromNetworks("10.0.0.0/8"),
            build: app =>
            {
                // The loopback networks are known by default.
                var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor };
                options.KnownProxies.Clear();
#if NET10_0_OR_GREATER
                options.KnownIPNetworks.Clear();
#else
                options.KnownNetworks.Clear();
#endif
                options.KnownProxies.Add(IPAddress.Parse(knownProxy));
                app.UseForwardedHeaders(options);
                app.UseLangSmithTracing();
            });
        Assert.That(await IsTrustedAsync(server.Client, ("X-Forwarded-For", "10.0.0.1")), Is.EqualTo(isTrusted));
        Assert.That(await IsTrustedAsync(server.Client, ("X-Forwarded-For", "192.0.2.9")), Is.False);
        Assert.That(await IsTrustedAsync(server.Client), Is.False);
    }

    [TestCase("10.0.0.0/8", "10.255.0.1", true)]
    [TestCase("10.0.0.0/8", "11.0.0.1", false)]
    [TestCase("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    [TestCase("10.0.0.0/8", "::10.1.2.3", false)] // IPv4-compatible: not a way to write IPv4 any more
    [TestCase("10.0.0.0/8", "64:ff9b::10.1.2.3", false)] // through NAT64: the translator's address
    [TestCase("10.1.2.3/32", "10.1.2.3", true)]
    [TestCase("10.1.2.3/32", "10.1.2.4", false)]
    [TestCase("0.0.0.0/0", "::ffff:192.0.2.1", true)]
    [TestCase("0.0.0.0/0", "::1", false)]
    [TestCase("0.0.0.0/0", null, false)]
    [TestCase("::/0", "2001:db8::1", true)]
    [TestCase("::/0", "::1", true)]
    [TestCase("::/0", "127.0.0.1", false)]
    [TestCase("::/0", "::ffff:127.0.0.1", false)]
    [TestCase("::/0", null, false)]
    [TestCase("::/0", "fe80::1", false)]
    [TestCase("::/0", "fe80::1%1", false)]
    [TestCase("::/0", "fd00::1%1", false)]
    [TestCase("0.0.0.0/0", "::ffff:10.1.2.3%1", false)]
    [TestCase("fd00::/8", "fd12:3456::1", true)]
    [TestCase("FD00::/8", "fe00::1", false)]
    public async Task FromNetworks_Address_MatchesItsOwnFamilyOnly(string network, string? address, bool isTrusted)
    {
        var rule = new LangSmithInboundOptions().Trust.FromNetworks("198.51.100.0/24", network).Rules.Single();
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = address is null ? null : IPAddress.Parse(address);
        Assert.That(await rule.Matches(context), Is.EqualTo(isTrusted));
    }

    [TestCase("127.0.0.0/8", true)]
    [TestCase("::/0", false)]
    public async Task FromNetworks_IPv4CallerOfADualStackSocket_IsIPv4(string network, bool isTrusted)
    {
        IPAddress? remote = null;
        await using var server = await TracedServer.StartAsync(
            Map,
            options => options.Trust.FromNetworks(network),
            build: app =>
            {
                app.UseLangSmithTracing();
                app.Use((context, next) =>
                {
                    remote = context.Connection.RemoteIpAddress;
                    return next(context);
                });
            },
            kestrel: static kestrel => kestrel.Listen(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0));
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Origin.Port}") };
        Assert.That(await IsTrustedAsync(http), Is.EqualTo(isTrusted));
        Assert.That(remote!.IsIPv4MappedToIPv6, Is.EqualTo(Socket.OSSupportsIPv6));
    }

    [Test]
    public async Task FromNetworks_UnixSocket_HasNoAddress()
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.sock");
        await using var server = await TracedServer.StartAsync(
            Map,
            static options => options.Trust.FromNetworks("0.0.0.0/0", "::/0"),
            kestrel: kestrel => kestrel.ListenUnixSocket(path));
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost") };
        Assert.That(await IsTrustedAsync(http), Is.False);
        Assert.That(await IsTrustedAsync(http, ("X-Forwarded-For", "10.0.0.1")), Is.False);
    }

    [Test]
    public async Task FromAuthenticated_DefaultScheme_NeverMindWhereUseAuthenticationStands([Values] Place place)
    {
        await using var server = await StartWithKeysAsync(place, static trust => trust.FromAuthenticated());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await AskAsync(server.Client), Is.EqualTo("own run, user: none"));
            Assert.That(await AskAsync(server.Client, ("X-Key", "")), Is.EqualTo("own run, user: none"), "refused");
            Assert.That(await AskAsync(server.Client, ("X-Other-Key", "service")), Is.EqualTo("own run, user: none"), "not the default scheme");
            var user = place == Place.Nowhere ? "none" : "person";
            Assert.That(await AskAsync(server.Client, ("X-Key", "person")), Is.EqualTo($"caller's run, user: {user}"));
        }
    }

    [TestCase("roles", "X-Key", "service", true)]
    [TestCase("roles", "X-Key", "person", false)]
    [TestCase("roles", "X-Other-Key", "service", false)]
    [TestCase("other", "X-Other-Key", "service", true)]
    [TestCase("other", "X-Other-Key", "person", false)]
    [TestCase("other", "X-Key", "service", false)]
    [TestCase("anybody", "X-None", "", false)] // A policy anonymous callers satisfy is not enough.
    [TestCase("anybody", "X-Key", "person", true)]
    public async Task FromAuthenticated_Policy_AsksItsSchemesAndRequirements(string policy, string header, string role, bool isTrusted)
    {
        foreach (var place in Enum.GetValues<Place>())
        {
            await using var server = await StartWithKeysAsync(place, trust => trust.FromAuthenticated(policy));
            var user = header == "X-Key" && place != Place.Nowhere ? role : "none";
            Assert.That(await AskAsync(server.Client, (header, role)), Is.EqualTo($"{(isTrusted ? "caller's" : "own")} run, user: {user}"), $"{place}");
        }
    }

    [Test]
    public async Task FromAuthenticated_TheRule_LeavesTheUserAlone([Values] Place place)
    {
        ClaimsPrincipal? before = null;
        ClaimsPrincipal? after = null;
        await using var server = await StartWithKeysAsync(
            place,
            static trust => trust.FromAuthenticated("other"),
            beforeOurs: context => before = context.User,
            afterOurs: context => after = context.User);
        Assert.That(await IsTrustedAsync(server.Client, ("X-Key", "person"), ("X-Other-Key", "service")), Is.True);
        Assert.That(after, Is.SameAs(before));
        Assert.That(after!.Identity?.IsAuthenticated, Is.EqualTo(place == Place.Before));
    }

    [Test]
    public async Task FromAuthenticated_AskedTooEarly_TheApplicationsOwnAnswerIsWhatItWouldBe()
    {
        await using var server = await StartWithKeysAsync(
            Place.After,
            static trust => trust.FromAuthenticated(),
            // What completes the request for the scheme comes behind ours: asked before, the handler says no, and throws.
            afterOurs: static context =>
            {
                context.Items["prepared"] = true;
                context.Request.Headers["X-Key"] = context.Request.Query["key"];
            });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/?key=person");
        request.Headers.Add("langsmith-trace", Trace);
        request.Headers.Add("X-Guarded", "yes");
        using var response = await server.Client.SendAsync(request);
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("own run, user: person"));
        Assert.That(response.Headers.TryGetValues("X-Renewed", out var renewed) ? renewed : [], Is.EqualTo(new[] { "1" }), "renewed once, by the application");
    }

    [Test]
    public async Task FromAuthenticated_TheRule_WritesNothingIntoTheResponse()
    {
        await using var server = await StartWithKeysAsync(Place.Nowhere, static trust => trust.FromAuthenticated());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("langsmith-trace", Trace);
        request.Headers.Add("X-Key", "person");
        using var response = await server.Client.SendAsync(request);
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("caller's run, user: none"));
        Assert.That(response.Headers.Contains("X-Renewed"), Is.False);
    }

    [Test]
    public async Task FromClientCertificate_RealTls_RightWrongAndNone()
    {
        using var right = Certificate("CN=service");
        using var wrong = Certificate("CN=service");
        using var own = Certificate("CN=localhost");
        var asked = 0;
        await using var server = await TracedServer.StartAsync(
            Map,
            options => options.Trust.FromClientCertificate(certificate =>
            {
                asked++;
                return certificate.Thumbprint == right.Thumbprint;
            }),
            kestrel: kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(own, https =>
            {
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.AllowAnyClientCertificate();
            })));
        Assert.That(await AskWithAsync(right), Is.True);
        Assert.That(await AskWithAsync(wrong), Is.False);
        Assert.That(asked, Is.EqualTo(2));
        Assert.That(await AskWithAsync(null), Is.False);
        Assert.That(asked, Is.EqualTo(2), "it is not asked without a certificate");

        async Task<bool> AskWithAsync(X509Certificate2? certificate)
        {
            using var http = new HttpClient(new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, server, _, _) => server?.GetCertHashString() == own.Thumbprint,
                    LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate!,
                },
            })
            { BaseAddress = server.Origin };
            return await IsTrustedAsync(http);
        }
    }

    [Test]
    public async Task When_TrueFalseOrAsynchronous_Decides()
    {
        await using var server = await TracedServer.StartAsync(Map, static options => options.Trust.When(static async context =>
        {
            await Task.Yield();
            return context.Request.Headers["X-Ask"] == "later";
        }).When(static context => ValueTask.FromResult(context.Request.Headers["X-Ask"] == "now")));
        Assert.That(await IsTrustedAsync(server.Client, ("X-Ask", "now")), Is.True);
        Assert.That(await IsTrustedAsync(server.Client, ("X-Ask", "later")), Is.True);
        Assert.That(await IsTrustedAsync(server.Client, ("X-Ask", "never")), Is.False);
    }

    [Test]
    public async Task When_Throws_IsNotTrusted_CountedAndLoggedOnceARule()
    {
        using var logs = new LogLines();
        using var counts = new Counts();
        await using var server = await TracedServer.StartAsync(
            Map,
            static options => options.Trust
                .When(static _ => throw new InvalidOperationException("at once"))
                .When(static async _ =>
                {
                    await Task.Yield();
                    throw new OperationCanceledException("later");
                })
                .FromClientCertificate(static _ => throw new InvalidOperationException("not asked")),
            logs: logs);
        for (var i = 0; i < 3; i++)
            Assert.That(await IsTrustedAsync(server.Client), Is.False);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(counts["langsmith.http.faults:callback_failed"], Is.EqualTo(6));
            Assert.That(counts["langsmith.http.inbound:untrusted"], Is.EqualTo(3));
            Assert.That(logs.Ours.Where(static line => line.Event.Name == "TrustRuleFailed").Select(static line => (line.Level, line.Text)), Has.Exactly(2)
                .Matches<(LogLevel Level, string Text)>(static line => line.Level == LogLevel.Warning && line.Text.Contains("rule When threw", StringComparison.Ordinal)));
            Assert.That(logs.Ours.Select(static line => line.Text), Has.None.Contains(Trace));
        }
    }

    [Test]
    public async Task Rules_AnyMatchTrusts_AndTheRestIsNotAsked()
    {
        var asked = "";
        await using var server = await TracedServer.StartAsync(Map, options => options.Trust
            .When(_ => throw new InvalidOperationException(asked += "1"))
            .When(_ => ValueTask.FromResult((asked += "2").Length == 0))
            .When(_ => ValueTask.FromResult((asked += "3").Length > 0))
            .When(_ => ValueTask.FromResult((asked += "4").Length > 0)));
        Assert.That(await IsTrustedAsync(server.Client), Is.True);
        Assert.That(asked, Is.EqualTo("123"));
    }

    [TestCase("/", "langsmith-trace: " + Trace, 1)]
    [TestCase("/", "baggage: langsmith-sampled=0", 1)]
    [TestCase("/", "baggage: langsmith-project=evil,tenant=7", 0)]
    [TestCase("/", "baggage: tenant=7", 0)]
    [TestCase("/", "x-other: 1", 0)]
    [TestCase("/", "langsmith-trace: nonsense", 0)]
    [TestCase("/", "langsmith-trace:", 0)]
    [TestCase("/", "langsmith-trace: " + Trace + "|langsmith-trace: " + Trace, 0)]
    [TestCase("/", "langsmith-trace: 29991114T221320123456Z018bcfe5-687b-7000-8000-000000000001", 0)]
    [TestCase("/", "langsmith-trace: " + Trace + "|baggage: langsmith-project=p,langsmith-address=lrn:agents/a/environments/local", 0)]
    [TestCase("/link", "langsmith-trace: " + Trace, 1)]
    [TestCase("/ignore", "langsmith-trace: " + Trace, 0)]
    [TestCase("/none", "langsmith-trace: " + Trace, 1)]
    public async Task Rules_AreAskedOnly_WhereThereIsSomethingToTrust(string path, string lines, int asked)
    {
        var count = 0;
        await using var server = await TracedServer.StartAsync(
            static app =>
            {
                Map(app);
                app.MapGet("/link", static () => "").WithLangSmithTracing(InboundTracing.Link);
                app.MapGet("/ignore", static () => "").WithLangSmithTracing(InboundTracing.Ignore);
            },
            options => options.Trust.When(_ => ValueTask.FromResult(++count < 0)));
        Assert.That(await RawServer.SendAsync(new Uri(server.Origin, path), lines.Split('|')), Does.StartWith(path == "/none" ? "HTTP/1.1 404" : "HTTP/1.1 200"));
        Assert.That(count, Is.EqualTo(asked));
    }

    [Test]
    public async Task Rules_SwitchedOff_AreNotAsked()
    {
        var count = 0;
        await using var server = await TracedServer.StartAsync(
            Map,
            options => options.Trust.When(_ => ValueTask.FromResult(++count > 0)),
            static services => services.Configure<LangSmithOptions>(static options => options.Enabled = false));
        Assert.That(await IsTrustedAsync(server.Client), Is.False);
        Assert.That(count, Is.Zero);
    }

    [TestCase(true, 0)]
    [TestCase(false, 1)]
    public async Task NotSampled_OnlyATrustedCallersWord_IsTaken(bool isTrusted, int recorded)
    {
        await using var server = await TracedServer.StartAsync(Map, options => options.Trust.When(_ => ValueTask.FromResult(isTrusted)));
        await RawServer.SendAsync(server.Origin, ["baggage: langsmith-sampled=0"]);
        Assert.That(server.Recorder.Runs, Has.Count.EqualTo(recorded));
    }

    [Test]
    public async Task Nobody_EveryTraceStartsHere()
    {
        using var counts = new Counts();
        await using var server = await TracedServer.StartAsync(Map, static options => options.Trust.Nobody());
        Assert.That(await IsTrustedAsync(server.Client), Is.False);
        Assert.That(server.Recorder.Runs.Single().Project, Is.EqualTo("server"));
        Assert.That(counts["langsmith.http.inbound:untrusted"], Is.EqualTo(1));
    }

    private static void Map(WebApplication app) => app.MapGet("/", static (HttpContext context, LangSmithTracer tracer) => tracer.Run("work", run =>
        $"{(run.ParentRunId is null ? "own" : "caller's")} run, user: {context.User.FindFirstValue(ClaimTypes.Role) ?? "none"}"));

    private static async Task<bool> IsTrustedAsync(HttpClient client, params (string Name, string Value)[] headers) =>
        (await AskAsync(client, headers)).StartsWith("caller's", StringComparison.Ordinal);

    private static async Task<string> AskAsync(HttpClient client, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Add("langsmith-trace", Trace);
        request.Headers.Add("baggage", "langsmith-project=caller,tenant=7");
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        using var response = await client.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        return await response.Content.ReadAsStringAsync();
    }

    private static Task<TracedServer> StartWithKeysAsync(
        Place place, Action<InboundTrust> trust, Action<HttpContext>? beforeOurs = null, Action<HttpContext>? afterOurs = null) => TracedServer.StartAsync(
        Map,
        options => trust(options.Trust),
        static services =>
        {
            services.AddScoped<PerRequest>();
            services.AddScoped<IAuthorizationHandler, PerRequestHandler>();
            services.AddAuthentication("X-Key")
                .AddScheme<AuthenticationSchemeOptions, KeyHandler>("X-Key", null)
                .AddScheme<AuthenticationSchemeOptions, KeyHandler>("X-Other-Key", null);
            services.AddAuthorizationBuilder()
                .AddPolicy("roles", static policy => policy.RequireRole("service"))
                .AddPolicy("other", static policy => policy.AddAuthenticationSchemes("X-Other-Key").RequireRole("service"))
                .AddPolicy("anybody", static policy => policy.RequireAssertion(static _ => true));
        },
        build: app =>
        {
            // A WebApplication adds UseAuthentication() by itself, first, unless it was told that somebody did.
            ((IApplicationBuilder)app).Properties["__AuthenticationMiddlewareSet"] = true;
            if (place == Place.Before)
                app.UseAuthentication();
            Look(app, beforeOurs);
            app.UseLangSmithTracing();
            Look(app, afterOurs);
            if (place == Place.After)
                app.UseAuthentication();
        });

    private static void Look(WebApplication app, Action<HttpContext>? look) => app.Use((context, next) =>
    {
        look?.Invoke(context);
        return next(context);
    });

    private static X509Certificate2 Certificate(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>Lives as long as a request, as a DbContext does.</summary>
    private sealed class PerRequest : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => default;
    }

    private sealed class PerRequestHandler(PerRequest dependency) : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context)
        {
            GC.KeepAlive(dependency);
            return Task.CompletedTask;
        }
    }

    /// <summary>Authenticates by the header that has the scheme's name; its value is the role, and must not be empty.</summary>
    private sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, PerRequest dependency)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            GC.KeepAlive(dependency);
            if (Request.Headers.ContainsKey("X-Guarded") && !Context.Items.ContainsKey("prepared"))
                throw new InvalidOperationException("AuthenticateAsync must not be called yet.");
            Response.OnStarting(() =>
            {
                Response.Headers.Append("X-Renewed", "1");
                return Task.CompletedTask;
            });
            if (!Request.Headers.TryGetValue(Scheme.Name, out var role))
                return Task.FromResult(AuthenticateResult.NoResult());
            if (string.IsNullOrEmpty(role))
                return Task.FromResult(AuthenticateResult.Fail("no key"));
            var user = new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Role, role.ToString())], Scheme.Name));
            return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(user, Scheme.Name)));
        }
    }
}
