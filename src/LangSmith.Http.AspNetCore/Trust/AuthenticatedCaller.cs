using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.AspNetCore.Trust;

/// <summary>
/// The rule <see cref="InboundTrust.FromAuthenticated"/>. It asks what <c>UseAuthentication()</c> and
/// <c>UseAuthorization()</c> would ask, of handlers of its own: theirs answer once per request, and whoever asks too early,
/// before a middleware has prepared the request for example, spoils the answer for the application.
/// </summary>
internal static class AuthenticatedCaller
{
    internal static TrustRule Rule(string? policyName) => new(nameof(InboundTrust.FromAuthenticated), context => IsTrustedAsync(context, policyName))
    {
        Check = (services, _) => Check(services, policyName),
    };

    private static async ValueTask<bool> IsTrustedAsync(HttpContext context, string? policyName)
    {
        var scope = context.RequestServices.GetRequiredService<IServiceScopeFactory>().CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            var services = scope.ServiceProvider;
            var shadow = Shadow(context, services);
            if (policyName is null)
                return IsAuthenticated(await AuthenticateAsync(shadow, []).ConfigureAwait(false));
            var policy = await services.GetRequiredService<IAuthorizationPolicyProvider>().GetPolicyAsync(policyName).ConfigureAwait(false)
                ?? throw new InvalidOperationException($"There is no authorization policy '{policyName}'.");
            var user = await AuthenticateAsync(shadow, policy.AuthenticationSchemes).ConfigureAwait(false);
            return IsAuthenticated(user)
                && (await services.GetRequiredService<IAuthorizationService>().AuthorizeAsync(user, shadow, policy).ConfigureAwait(false)).Succeeded;
        }
    }

    // The same request, with services, user, items and a response of its own: a cookie that is renewed goes nowhere.
    private static DefaultHttpContext Shadow(HttpContext context, IServiceProvider services)
    {
        var features = new FeatureCollection(context.Features);
        features.Set<IServiceProvidersFeature>(new ServiceProvidersFeature { RequestServices = services });
        features.Set<IHttpAuthenticationFeature>(new HttpAuthenticationFeature { User = context.User });
        features.Set<IItemsFeature>(new ItemsFeature { Items = new Dictionary<object, object?>(context.Items) });
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(Stream.Null));
        return new DefaultHttpContext(features);
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
        var known = services.GetService<IServiceProviderIsService>();
        if (known?.IsService(typeof(IAuthenticationService)) == false)
            throw new InvalidOperationException("Trust.FromAuthenticated needs authentication: call services.AddAuthentication(…).");
        if (policyName is null)
        {
            if (LacksDefaultScheme(services))
                throw new InvalidOperationException("Trust.FromAuthenticated() needs a default authentication scheme: name it in services.AddAuthentication(…), or give a policy that names schemes.");
            return;
        }

        if (known?.IsService(typeof(IAuthorizationService)) == false)
            throw new InvalidOperationException($"Trust.FromAuthenticated(\"{policyName}\") needs authorization: call services.AddAuthorization(…).");
        if (FindPolicy(services, policyName) is not { } policy)
            return;
        if (policy.AuthenticationSchemes.Count == 0 && LacksDefaultScheme(services))
            throw new InvalidOperationException($"Trust.FromAuthenticated: the authorization policy '{policyName}' names no scheme, and there is no default authentication scheme. Name one in the policy, or in services.AddAuthentication(…).");
    }

    // Null where a provider of the application's own has to wait for its answer; it is asked again when a request comes.
    private static AuthorizationPolicy? FindPolicy(IServiceProvider services, string policyName)
    {
        // Whatever lives no longer than a request is not to live as long as the application for this.
        var scope = services.CreateAsyncScope();
        try
        {
            var answer = scope.ServiceProvider.GetRequiredService<IAuthorizationPolicyProvider>().GetPolicyAsync(policyName);
            return !answer.IsCompletedSuccessfully ? null : answer.Result
                ?? throw new InvalidOperationException($"Trust.FromAuthenticated: there is no authorization policy '{policyName}'. Add it in services.AddAuthorization(…).");
        }
        finally
        {
            scope.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static bool LacksDefaultScheme(IServiceProvider services) =>
        services.GetRequiredService<IAuthenticationSchemeProvider>().GetDefaultAuthenticateSchemeAsync() is { IsCompletedSuccessfully: true, Result: null };
}
