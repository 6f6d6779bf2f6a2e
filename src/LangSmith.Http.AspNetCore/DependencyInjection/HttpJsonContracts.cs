using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.AspNetCore.DependencyInjection;

/// <summary>
/// Uses the source-generated contexts of <c>ConfigureHttpJsonOptions</c> for types without another contract: an application that is
/// compiled ahead of time has given one there already.
/// </summary>
internal sealed class HttpJsonContracts(IOptions<JsonOptions> json) : IPostConfigureOptions<LangSmithOptions>
{
    public void PostConfigure(string? name, LangSmithOptions options) =>
        options.ApplicationContracts = json.Value.SerializerOptions.TypeInfoResolver;
}
