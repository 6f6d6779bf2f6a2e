using Microsoft.Extensions.Logging;

namespace LangSmith.Http;

internal sealed class LangSmithOptionsValidator(ILoggerFactory loggers) : StartupValidator<LangSmithOptions>(loggers)
{
    internal static List<string> FindErrors(LangSmithOptions options)
    {
        var errors = new List<string>(options.ConfigurationErrors);
        if (options.Project is not null && string.IsNullOrWhiteSpace(options.Project))
            errors.Add("Project is blank. Give the project's name, or leave it null for LANGSMITH_PROJECT.");
        if (options.JsonSerializerOptions is null)
            errors.Add("JsonSerializerOptions is null. Leave the default, or give options with a TypeInfoResolver for your types.");
        return errors;
    }

    protected override List<string> Errors(LangSmithOptions options) => FindErrors(options);
}
