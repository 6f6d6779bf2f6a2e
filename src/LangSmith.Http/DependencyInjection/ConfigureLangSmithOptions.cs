using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.DependencyInjection;

/// <summary>Configures <see cref="LangSmithOptions"/> from variables and sections, before all code.</summary>
internal sealed class ConfigureLangSmithOptions(ContainerConfiguration configuration)
    : IConfigureOptions<LangSmithOptions>, IOptionsChangeTokenSource<LangSmithOptions>
{
    public string Name => Options.DefaultName;

    public void Configure(LangSmithOptions options) => options.ReadFrom(configuration.Reader);

    public IChangeToken GetChangeToken() => configuration.GetChangeToken();
}
