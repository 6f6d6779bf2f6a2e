using LangSmith.Http.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Configures <see cref="LangSmithExportOptions"/> from variables and sections, before all code.</summary>
internal sealed class ConfigureLangSmithExportOptions(ContainerConfiguration configuration) : IConfigureOptions<LangSmithExportOptions>
{
    public void Configure(LangSmithExportOptions options) => options.ReadFrom(configuration.Reader);
}
