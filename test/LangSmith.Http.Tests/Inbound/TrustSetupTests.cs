using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>What is refused at start-up, and how it is said.</summary>
public sealed class TrustSetupTests
{
    [TestCase("10.1.0.0/8", "with no bit set behind it", "10.0.0.0/8")]
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
    [TestCase("fd00::1/8", "with no bit set behind it", "fd00::/8")]
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
            Does.Contain("Trust.FromNetworks was given no network").And.Contain("10.0.0.0/8").And.Contain("Trust.Nobody()"));

    private static TFailure Start<TFailure>(Action<IServiceCollection> register, Action<IApplicationBuilder>? use = null)
        where TFailure : Exception => Assert.Throws<TFailure>(() => Start(register, use))!;

    private static IApplicationBuilder Start(Action<IServiceCollection> register, Action<IApplicationBuilder>? use = null, string environment = "Production")
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.Logging.ClearProviders();
        register(builder.Services);
        IApplicationBuilder app = builder.Build();
        if (use is null)
            app.UseLangSmithTracing();
        else
            use(app);
        return app;
    }
}
