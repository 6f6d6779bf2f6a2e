using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http;

/// <summary>
/// The rule <see cref="InboundTrust.FromAuthenticated"/>. It asks what <c>UseAuthentication()</c> and
/// <c>UseAuthorization()</c> would ask, but sets no user: authentication handlers answer once per request, whoever asks
/// first.
/// </summary>
internal static class AuthenticatedCaller
{
    internal static TrustRule Rule(string? policyName) => new(
        nameof(InboundTrust.FromAuthenticated),
        policyName is null ? IsAuthenticatedAsync : context => SatisfiesAsync(context, policyName))
    {
        Check = services => Check(services, policyName),
    };

    private static async ValueTask<bool> IsAuthenticatedAsync(HttpContext context) =>
        IsAuthenticated(await AuthenticateAsync(context, []).ConfigureAwait(false));

    private static async ValueTask<bool> SatisfiesAsync(HttpContext context, string policyName)
    {
        var services = context.RequestServices;
        var policy = await services.GetRequiredService<IAuthorizationPolicyProvider>().GetPolicyAsync(policyName).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"There is no authorization policy '{policyName}'.");
        var user = await AuthenticateAsync(context, policy.AuthenticationSchemes).ConfigureAwait(false);
        return IsAuthenticated(user)
            && (await services.GetRequiredService<IAuthorizationService>().AuthorizeAsync(user, context, policy).ConfigureAwait(false)).Succeeded;
    }

    private static async ValueTask<ClaimsPrincipal> AuthenticateAsync(HttpContext context, IReadOnlyList<string> schemes)
    {
        if (schemes.Count == 0)
        {
            return IsAuthenticated(context.User)
                ? context.User
                : (await context.AuthenticateAsync().ConfigureAwait(false)).Principal ?? new ClaimsPrincipal();
        }

        var user = new ClaimsPrincipal();
        foreach (var scheme in schemes)
        {
            if ((await context.AuthenticateAsync(scheme).ConfigureAwait(false)).Principal is { } principal)
                user.AddIdentities(principal.Identities);
        }

        return user;
    }

    private static bool IsAuthenticated(ClaimsPrincipal user) => user.Identities.Any(static identity => identity.IsAuthenticated);

    private static void Check(IServiceProvider services, string? policyName)
    {
        if (services.GetService<IAuthenticationService>() is null)
            throw new InvalidOperationException("Trust.FromAuthenticated needs authentication: call services.AddAuthentication(…).");
        if (policyName is null)
        {
            if (LacksDefaultScheme(services))
                throw new InvalidOperationException("Trust.FromAuthenticated() needs a default authentication scheme: name it in services.AddAuthentication(…), or give a policy that names schemes.");
            return;
        }

        if (services.GetService<IAuthorizationPolicyProvider>() is not { } provider || services.GetService<IAuthorizationService>() is null)
            throw new InvalidOperationException($"Trust.FromAuthenticated(\"{policyName}\") needs authorization: call services.AddAuthorization(…).");
        // A provider of the application's own may have to wait for its answer; it is asked again when a request comes.
        var answer = provider.GetPolicyAsync(policyName);
        if (!answer.IsCompletedSuccessfully)
            return;
        var policy = answer.Result
            ?? throw new InvalidOperationException($"Trust.FromAuthenticated: there is no authorization policy '{policyName}'. Add it in services.AddAuthorization(…).");
        if (policy.AuthenticationSchemes.Count == 0 && LacksDefaultScheme(services))
            throw new InvalidOperationException($"Trust.FromAuthenticated: the authorization policy '{policyName}' names no scheme, and there is no default authentication scheme. Name one in the policy, or in services.AddAuthentication(…).");
    }

    private static bool LacksDefaultScheme(IServiceProvider services) =>
        services.GetRequiredService<IAuthenticationSchemeProvider>().GetDefaultAuthenticateSchemeAsync() is { IsCompletedSuccessfully: true, Result: null };
}
