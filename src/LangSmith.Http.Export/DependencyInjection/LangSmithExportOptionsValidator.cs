using LangSmith.Http.Export.Model;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.Export.DependencyInjection;

/// <summary>Validates the options together with the environment, as the exporter reads them.</summary>
internal sealed class LangSmithExportOptionsValidator : IValidateOptions<LangSmithExportOptions>
{
    public ValidateOptionsResult Validate(string? name, LangSmithExportOptions options) =>
        ExportSettingsReader.TryRead(options, out var errors) is not null
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(errors.Select(static error => $"{nameof(LangSmithExportOptions)}: {error}"));
}
