using System.Diagnostics;
using System.Net;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Tests;

/// <summary>What is refused at start-up, and how it is said.</summary>
public sealed class TrustSetupTests
{
    [TestCase("10.1.0.0/8", "with no bit set after it", "10.0.0.0/8")]
    [TestCase("10.0.0.0", "the length of the prefix", "10.1.2.3/32")]
    [TestCase("10.0.0.0/33", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0.0.0/-1", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0.0.0/", "CIDR notation", "10.0.0.0/8")]
    [TestCase(" 10.0.0.0/8", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0.0.0/255.0.0.0", "CIDR notation", "10.0.0.0/8")]
    [TestCase("010.0.0.0/8", "CIDR notation", "10.0.0.0/8")] // read as octal, it would be 8.0.0.0/8
    [TestCase("0x0a.0.0.0/8", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0/16", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0.0.0-10.0.0.9", "CIDR notation", "10.0.0.0/8")]
    [TestCase("10.0.0.0/8,172.16.0.0/12", "CIDR notation", "10.0.0.0/8")]
    [TestCase("localhost/32", "CIDR notation", "10.0.0.0/8")]
    [TestCase("", "CIDR notation", "10.0.0.0/8")]
    [TestCase("fd00::1/8", "with no bit set after it", "fd00::/8")]
    [TestCase("fd00::%1/8", "no zone", "fd00::/8")]
    [TestCase("fe80::/10", "link-local", "Trust.When")]
    [TestCase("fe80::1%1/128", "no zone", "fd00::/8")]
    [TestCase("::ffff:10.0.0.0/104", "IPv4 written as IPv6", "10.0.0.0/8")]
    [TestCase("::ffff:0:0/96", "IPv4 written as IPv6", "10.0.0.0/8")]
    public void FromNetworks_BadNetwork_SaysWhichAndWhatToWrite(string network, string fault, string remedy)
    {
        var failure = Start<ArgumentException>(services => services.AddLangSmithInbound(options => options.Trust.FromNetworks("127.0.0.0/8", network)));
        Assert.That(failure.Message, Does.Contain($"Trust.FromNetworks: '{network}'").And.Contain(fault).And.Contain(remedy));
    }

    [Test]
    public void FromNetworks_None_IsRefused() =>
        Assert.That(
            Start<ArgumentException>(static services => services.AddLangSmithInbound(static options => options.Trust.FromNetworks())).Message,
            Does.Contain("Trust.FromNetworks has no network").And.Contain("10.0.0.0/8").And.Contain("Trust.Nobody()"));

    [Test]
    public void Rules_NullOrBlank_AreRefused() =>
        Assert.Multiple(static () =>
        {
            var trust = new LangSmithInboundOptions().Trust;
            Assert.That(() => trust.FromNetworks(null!), Throws.ArgumentNullException);
            Assert.That(() => trust.FromNetworks("10.0.0.0/8", null!), Throws.ArgumentException.With.Message.Contains("Trust.FromNetworks: ''"));
            Assert.That(() => trust.When(null!), Throws.ArgumentNullException);
            Assert.That(() => trust.FromClientCertificate(null!), Throws.ArgumentNullException);
            Assert.That(() => trust.FromAuthenticated(" "), Throws.ArgumentException.With.Message.Contains("blank policy name"));
            Assert.That(trust.Rules, Is.Empty);
        });

    [Test]
    public void FromAuthenticated_SomethingIsMissing_SaysWhat() =>
        Assert.Multiple(static () =>
        {
            Assert.That(
                Authenticated(null, static _ => { }),
                Is.EqualTo("Trust.FromAuthenticated needs authentication: call services.AddAuthentication(…)."));
            Assert.That(
                Authenticated("services", static services => services.AddAuthorization()),
                Does.Contain("AddAuthentication"));
            Assert.That(
                Authenticated(null, static services => AddTwoSchemes(services)),
                Does.Contain("needs a default authentication scheme").And.Contain("AddAuthentication"));
            Assert.That(
                Authenticated("services", static services => AddTwoSchemes(services)),
                Does.Contain("FromAuthenticated(\"services\") needs authorization: call services.AddAuthorization"));
            Assert.That(
                Authenticated("services", static services => AddTwoSchemes(services).AddAuthorization()),
                Does.Contain("there is no authorization policy 'services'").And.Contain("AddAuthorization"));
            Assert.That(
                Authenticated("services", static services => AddTwoSchemes(services).AddAuthorization(static options =>
                    options.AddPolicy("services", static policy => policy.RequireRole("service")))),
                Does.Contain("policy 'services' names no scheme").And.Contain("default authentication scheme"));
        });

    [TestCase(false)]
    [TestCase(true)]
    public void FromAuthenticated_PolicyIsThere_WhoeverProvidesIt_Starts(bool isOwnProvider) =>
        Assert.That(
            () => Start(services =>
            {
                AddTwoSchemes(services).AddAuthorization(options =>
                {
                    if (!isOwnProvider)
                        options.AddPolicy("services", OwnPolicies.Policy);
                });
                if (isOwnProvider)
                    services.AddSingleton<IAuthorizationPolicyProvider, OwnPolicies>();
                services.AddLangSmithInbound(static options => options.Trust.FromAuthenticated("services"));
                services.AddLangSmithInbound(options => options.Trust.FromAuthenticated(isOwnProvider ? "later" : "services"));
            }),
            Throws.Nothing);

    [Test]
    public void UseLangSmithTracing_NobodySaidWhomToTrust_RefusesToStart() =>
        Assert.That(
            Start<OptionsValidationException>(static services => services.AddLangSmithInbound(static _ => { })).Message,
            Does.Contain("Trust has no rule").And.Contain("o.Trust.FromNetworks(\"10.0.0.0/8\")").And.Contain("o.Trust.Nobody()"));

    [Test]
    public void UseLangSmithTracing_NobodyAndARule_RefusesToStart() =>
        Assert.That(
            Start<OptionsValidationException>(static services => services
                .AddLangSmithInbound(static options => options.Trust.Nobody())
                .AddLangSmithInbound(static options => options.Trust.FromNetworks("10.0.0.0/8").FromAnyone())).Message,
            Does.Contain("both Nobody() and FromNetworks, FromAnyone").And.Contain("Remove one of them"));

    [Test]
    public void UseLangSmithTracing_WithoutAddLangSmithInbound_SaysSo() =>
        Assert.Multiple(static () =>
        {
            Assert.That(Start<InvalidOperationException>(static _ => { }).Message, Does.Contain("UseLangSmithTracing() needs services.AddLangSmithInbound("));
            Assert.That(Start<InvalidOperationException>(static services => services.AddLangSmith().AddLangSmithHeaderStripping()).Message, Does.Contain("services.AddLangSmithInbound("));
        });

    [Test]
    public void UseLangSmithHeaderStripping_WithoutAddLangSmithHeaderStripping_SaysSo() =>
        Assert.Multiple(static () =>
        {
            Assert.That(
                Start<InvalidOperationException>(static _ => { }, static app => app.UseLangSmithHeaderStripping()).Message,
                Does.Contain("services.AddLangSmithHeaderStripping()"));
            var bare = new ApplicationBuilder(new ServiceCollection().BuildServiceProvider());
            Assert.That(() => bare.UseLangSmithHeaderStripping(), Throws.InvalidOperationException.With.Message.StartsWith("services.AddLangSmithHeaderStripping() is missing"));
        });

    [Test]
    public void PropagatorRegisteredBehindOurs_SaysWhatToDo() =>
        Assert.Multiple(static () =>
        {
            Assert.That(
                Start<InvalidOperationException>(static services => AddNoOutput(services.AddLangSmithInbound(static options => options.Trust.Nobody()))).Message,
                Is.EqualTo("services.AddLangSmithInbound(…) is missing, or another DistributedContextPropagator was registered after it, which relays callers' langsmith-* members. Call it after that registration."));
            Assert.That(
                Start<InvalidOperationException>(static services => AddNoOutput(services.AddLangSmithHeaderStripping()), static app => app.UseLangSmithHeaderStripping()).Message,
                Does.StartWith("services.AddLangSmithHeaderStripping() is missing, or another DistributedContextPropagator was registered after it"));
            Assert.That(
                () => Start(static services => AddNoOutput(services.AddLangSmithInbound(static options => options.Trust.Nobody())).AddLangSmithHeaderStripping()),
                Throws.Nothing,
                "the remedy");
        });

    [Test]
    public void UseLangSmithHeaderStripping_BeforeTracing_IsRefused_BehindItIsNot() =>
        Assert.Multiple(static () =>
        {
            Assert.That(
                Start<InvalidOperationException>(AddNobody, static app => app.UseLangSmithHeaderStripping().UseLangSmithTracing()).Message,
                Does.Contain("UseLangSmithHeaderStripping() comes before UseLangSmithTracing()").And.Contain("Remove it"));
            Assert.That(() => Start(AddNobody, static app => app.UseLangSmithTracing().UseLangSmithHeaderStripping()), Throws.Nothing);
            Assert.That(
                () => Start(AddNobody, static app => app.Map("/edge", static edge => edge.UseLangSmithHeaderStripping()).UseLangSmithTracing()),
                Throws.Nothing,
                "another branch");
        });

    [TestCase("Production", 1)]
    [TestCase("Staging", 1)]
    [TestCase("Development", 0)]
    public void FromAnyone_OutsideDevelopment_Warns(string environment, int warnings)
    {
        using var logs = new LogLines();
        Start(
            services => services.AddLogging(logging => logging.AddProvider(logs)).AddLangSmithInbound(static options => options.Trust.FromNetworks("10.0.0.0/8").FromAnyone()),
            environment: environment);
        Assert.That(
            logs.Ours.Select(static line => (line.Level, line.Event.Name)),
            Is.EqualTo(Enumerable.Repeat((LogLevel.Warning, "AnyoneIsTrusted"), warnings)));
    }

    [TestCase("0.0.0.0/0", 1)]
    [TestCase("::/0", 1)]
    [TestCase("128.0.0.0/1", 0)]
    public void FromNetworks_AllThereAre_Warns(string network, int warnings)
    {
        using var logs = new LogLines();
        Start(services => services.AddLogging(logging => logging.AddProvider(logs)).AddLangSmithInbound(options => options.Trust.FromNetworks(network)));
        Assert.That(logs.Ours.Count(static line => line.Event.Name == "AnyoneIsTrusted"), Is.EqualTo(warnings));
    }

    [TestCase(true, false, 1)]
    [TestCase(true, true, 0)]
    [TestCase(false, false, 0)]
    public void FromNetworks_WhereTheHostBelievesForwardedAddresses_Warns(bool isEnabled, bool isProxyNamed, int warnings)
    {
        using var logs = new LogLines();
        Start(services =>
        {
            services.AddLogging(logging => logging.AddProvider(logs)).AddLangSmithInbound(static options => options.Trust.FromNetworks("10.0.0.0/8"));
            if (isProxyNamed)
                services.Configure<ForwardedHeadersOptions>(static options => options.KnownProxies.Add(IPAddress.Parse("10.0.0.9")));
        }, arguments: isEnabled ? ["--ForwardedHeaders_Enabled=true"] : []);
        Assert.That(logs.Ours.Count(static line => line.Event.Name == "ForwardedAddressesBelieved"), Is.EqualTo(warnings));
    }

    [Test]
    public void Trust_ChangedAfterTheStart_ChangesNothing()
    {
        var app = Start(static services => services.AddLangSmithInbound(static options => options.Trust.When(static _ => throw new InvalidOperationException())));
        app.ApplicationServices.GetRequiredService<IOptions<LangSmithInboundOptions>>().Value.Trust.FromAnyone();
        app.Run(static context => context.Response.WriteAsync(TracingContextText()));
        var context = new DefaultHttpContext { RequestServices = app.ApplicationServices };
        context.Request.Headers["langsmith-trace"] = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";
        using var counts = new Counts();
        app.Build()(context).GetAwaiter().GetResult();
        Assert.That(counts["langsmith.http.inbound:untrusted"], Is.EqualTo(1));

        static string TracingContextText() => RunTree.Current?.Name ?? "";
    }

    [Test]
    public void AddLangSmithInbound_Twice_RulesAddUp_AndThePropagatorIsWrappedOnce()
    {
        var registrations = 0;
        var app = Start(services =>
        {
            services.AddLangSmithInbound(static options => options.Trust.FromNetworks("10.0.0.0/8"));
            registrations = services.Count(static service => service.ServiceType == typeof(DistributedContextPropagator));
            services.AddLangSmithInbound(static options => options.Trust.When(static _ => ValueTask.FromResult(true)));
            services.AddLangSmithHeaderStripping();
            Assert.That(services.Count(static service => service.ServiceType == typeof(DistributedContextPropagator)), Is.EqualTo(registrations));
        });
        var options = app.ApplicationServices.GetRequiredService<IOptions<LangSmithInboundOptions>>().Value;
        Assert.That(options.Trust.Rules.Select(static rule => rule.Name), Is.EqualTo(new[] { "FromNetworks", "When" }));
        Assert.That(registrations, Is.EqualTo(2), "the host's, and ours");
    }

    private static string Authenticated(string? policy, Action<IServiceCollection> register) => Start<InvalidOperationException>(services =>
    {
        register(services);
        services.AddLangSmithInbound(options => options.Trust.FromAuthenticated(policy));
    }).Message;

    // One scheme alone is the default.
    private static IServiceCollection AddTwoSchemes(IServiceCollection services)
    {
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, NoHandler>("one", null)
            .AddScheme<AuthenticationSchemeOptions, NoHandler>("two", null);
        return services;
    }

    private static IServiceCollection AddNoOutput(IServiceCollection services) =>
        services.AddSingleton(DistributedContextPropagator.CreateNoOutputPropagator());

    private static void AddNobody(IServiceCollection services) => services.AddLangSmithInbound(static options => options.Trust.Nobody());

    private static TFailure Start<TFailure>(Action<IServiceCollection> register, Action<IApplicationBuilder>? use = null)
        where TFailure : Exception => Assert.Throws<TFailure>(() => Start(register, use))!;

    private static IApplicationBuilder Start(Action<IServiceCollection> register, Action<IApplicationBuilder>? use = null, string environment = "Production", string[]? arguments = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = environment, Args = arguments });
        // As in Development.
        builder.Host.UseDefaultServiceProvider(static options => options.ValidateScopes = options.ValidateOnBuild = true);
        builder.Logging.ClearProviders();
        register(builder.Services);
        IApplicationBuilder app = builder.Build();
        if (use is null)
            app.UseLangSmithTracing();
        else
            use(app);
        return app;
    }

    private sealed class NoHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(AuthenticateResult.NoResult());
    }

    /// <summary>Makes policies by their name, one of them not at once.</summary>
    private sealed class OwnPolicies(IOptions<AuthorizationOptions> options) : DefaultAuthorizationPolicyProvider(options)
    {
        internal static AuthorizationPolicy Policy { get; } = new AuthorizationPolicyBuilder("one").RequireRole("service").Build();

        public override async Task<AuthorizationPolicy?> GetPolicyAsync(string policyName)
        {
            if (policyName == "later")
                await Task.Delay(Timeout.Infinite);
            return Policy;
        }
    }
}
