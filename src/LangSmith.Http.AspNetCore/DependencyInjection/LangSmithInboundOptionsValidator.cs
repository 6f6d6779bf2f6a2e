using Microsoft.Extensions.Options;

namespace LangSmith.Http.AspNetCore.DependencyInjection;

internal sealed class LangSmithInboundOptionsValidator : IValidateOptions<LangSmithInboundOptions>
{
    public ValidateOptionsResult Validate(string? name, LangSmithInboundOptions options)
    {
        if (options.Trust is { IsNobody: false, Rules.Count: 0 })
            return ValidateOptionsResult.Fail("LangSmithInboundOptions: Trust has no rule. Name the callers whose runs are continued, for example o.Trust.FromNetworks(\"10.0.0.0/8\"), or o.Trust.Nobody().");
        if (options.Trust is { IsNobody: true, Rules.Count: > 0 })
            return ValidateOptionsResult.Fail($"LangSmithInboundOptions: Trust has both Nobody() and {string.Join(", ", options.Trust.Rules.Select(static rule => rule.Name))}. Remove one of them.");
        if (options is { AcceptProject: false, AllowedProjects: not null })
            return ValidateOptionsResult.Fail("LangSmithInboundOptions: AllowedProjects names projects, but AcceptProject is off. Remove one of them.");
        return ValidateOptionsResult.Success;
    }
}
