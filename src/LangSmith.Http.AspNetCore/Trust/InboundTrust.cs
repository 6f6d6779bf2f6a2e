using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using LangSmith.Http.AspNetCore.Diagnostics;
using LangSmith.Http.AspNetCore.Trust;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

/// <summary>
/// Whose runs are continued. There is no default: <c>UseLangSmithTracing()</c> refuses to start without a rule or
/// <see cref="Nobody"/>. A caller is trusted when any rule matches. Rules are asked only about requests that carry a
/// well-formed run; a rule that throws does not match, which is counted and logged once.
/// </summary>
/// <remarks>
/// To trust a caller lets it decide which trace, project and thread the service's runs appear in, and put metadata and
/// tags on them. It never lets it choose an endpoint, a key, inputs, outputs or a file, or switch tracing on.
/// </remarks>
public sealed class InboundTrust
{
    private readonly List<TrustRule> _rules = [];

    internal InboundTrust()
    {
    }

    internal IReadOnlyList<TrustRule> Rules => _rules;

    internal bool IsNobody { get; private set; }

    /// <summary>Trusts nobody: every caller's run is taken away, and every trace starts here.</summary>
    /// <returns>This.</returns>
    public InboundTrust Nobody()
    {
        IsNobody = true;
        return this;
    }

    /// <summary>Trusts callers whose connection comes from a network.</summary>
    /// <param name="networks">
    /// Networks in CIDR notation, such as <c>10.0.0.0/8</c>, <c>fd00::/8</c> or <c>10.1.2.3/32</c>. IPv4 callers that a
    /// dual-stack socket shows as <c>::ffff:10.1.2.3</c> are compared as IPv4.
    /// </param>
    /// <returns>This.</returns>
    /// <exception cref="ArgumentException">
    /// There is no network, or one is no CIDR notation, has bits set behind its prefix, or is IPv4 written as IPv6.
    /// </exception>
    /// <remarks>
    /// It is the address of the connection that counts, never <c>X-Forwarded-For</c>, which a caller writes as it likes.
    /// Behind a reverse proxy that is the proxy's address; where the application runs <c>UseForwardedHeaders()</c> before,
    /// it is what that found, with the proxies it was told to trust. <c>ASPNETCORE_FORWARDEDHEADERS_ENABLED</c> runs it with
    /// none named, which believes whoever connects: a warning is logged at start-up. A connection without an address (a Unix socket, a
    /// named pipe) matches no network, nor does an IPv6 address with a zone (<c>fe80::1%eth0</c>): whose it is depends on
    /// the link, use <see cref="When"/>.
    /// </remarks>
    public InboundTrust FromNetworks(params string[] networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        if (networks.Length == 0)
            throw new ArgumentException("Trust.FromNetworks has no network. Name one, such as 10.0.0.0/8, or call Trust.Nobody().", nameof(networks));
        var parsed = Array.ConvertAll(networks, Parse);
        return Add(new TrustRule(nameof(FromNetworks), context => ValueTask.FromResult(Contains(parsed, context.Connection.RemoteIpAddress)))
        {
            Check = (services, logger) =>
            {
                if (parsed.Any(static network => network.PrefixLength == 0))
                    WarnOfAnyone(services, logger);
                ForwardedAddresses.WarnIfBelievedFromAnybody(services, logger);
            },
        });
    }

    /// <summary>
    /// Trusts callers that the application's own authentication knows. The rule authenticates the request by itself, with
    /// handlers of its own, so that <c>UseAuthentication()</c> may come before or after; the application's authentication,
    /// its response and <see cref="HttpContext.User"/> are not touched. What a scheme needs of middleware must come before
    /// (a scheme that only works behind <c>UseAuthentication()</c>, such as Negotiate, needs that).
    /// </summary>
    /// <param name="policyName">
    /// An authorization policy the caller must satisfy; its schemes, if it names any, are the ones that authenticate. Null
    /// means anybody who is authenticated: where end users are, give a policy that only services satisfy.
    /// </param>
    /// <returns>This.</returns>
    public InboundTrust FromAuthenticated(string? policyName = null)
    {
        if (policyName is not null && string.IsNullOrWhiteSpace(policyName))
            throw new ArgumentException("Trust.FromAuthenticated has a blank policy name. Give the name of an authorization policy, or none.", nameof(policyName));
        return Add(AuthenticatedCaller.Rule(policyName));
    }

    /// <summary>Trusts callers by the client certificate of the connection.</summary>
    /// <param name="predicate">
    /// Whether a certificate is trusted, by its thumbprint for example. Names prove nothing unless the server validates the
    /// chain (Kestrel does, unless it was told not to), and where <c>UseCertificateForwarding()</c> runs before, the
    /// certificate is what a header says. It is not asked for connections without a certificate, and no certificate is
    /// asked for on its behalf.
    /// </param>
    /// <returns>This.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="predicate"/> is null.</exception>
    public InboundTrust FromClientCertificate(Func<X509Certificate2, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return Add(new TrustRule(
            nameof(FromClientCertificate),
            context => ValueTask.FromResult(context.Connection.ClientCertificate is { } certificate && predicate(certificate))));
    }

    /// <summary>Trusts callers by a rule of your own.</summary>
    /// <param name="rule">
    /// Whether the caller is trusted. The request waits for it. The headers it sees are the caller's, the trace headers
    /// included: what they say proves nothing.
    /// </param>
    /// <returns>This.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="rule"/> is null.</exception>
    public InboundTrust When(Func<HttpContext, ValueTask<bool>> rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        return Add(new TrustRule(nameof(When), rule));
    }

    /// <summary>
    /// Trusts everybody: for development, and for services nobody else can reach. Outside the Development environment a
    /// warning is logged at start-up.
    /// </summary>
    /// <returns>This.</returns>
    public InboundTrust FromAnyone() => Add(new TrustRule(nameof(FromAnyone), static _ => ValueTask.FromResult(true)) { Check = WarnOfAnyone });

    private static void WarnOfAnyone(IServiceProvider services, ILogger logger)
    {
        if (services.GetService<IHostEnvironment>()?.IsDevelopment() != true)
            InboundLog.AnyoneIsTrusted(logger);
    }

    private static IPNetwork Parse(string network)
    {
        // The framework's parsers take more, and not the same in every version: bits behind the prefix, zones, 010.0.0.0 as 8.0.0.0.
        if (!IPNetwork.TryParse(network, out var parsed)
            || !IPAddress.TryParse(network.AsSpan(0, network.IndexOf('/')), out var address)
            || !address.Equals(parsed.BaseAddress)
            || (address.AddressFamily == AddressFamily.InterNetwork ? !network.StartsWith($"{address}/", StringComparison.Ordinal) : address.ScopeId != 0))
        {
            throw new ArgumentException(
                $"Trust.FromNetworks: '{network}' is no network in CIDR notation. Write the address, a slash and the length of the prefix, with no bit set after it and no zone: 10.0.0.0/8, fd00::/8, or 10.1.2.3/32 for one address.", nameof(network));
        }

        if (parsed.BaseAddress.IsIPv4MappedToIPv6)
            throw new ArgumentException($"Trust.FromNetworks: '{network}' is IPv4 written as IPv6. Write the IPv4 network, such as 10.0.0.0/8.", nameof(network));
        if (parsed.BaseAddress.IsIPv6LinkLocal)
            throw new ArgumentException($"Trust.FromNetworks: '{network}' is link-local, and means another caller on every link. Use Trust.When.", nameof(network));
        return parsed;
    }

    private static bool Contains(IPNetwork[] networks, IPAddress? address)
    {
        if (address is null || (address.AddressFamily == AddressFamily.InterNetworkV6 && (address.ScopeId != 0 || address.IsIPv6LinkLocal)))
            return false;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        foreach (var network in networks)
        {
            if (network.Contains(address))
                return true;
        }

        return false;
    }

    private InboundTrust Add(TrustRule rule)
    {
        _rules.Add(rule);
        return this;
    }
}
