using Microsoft.Extensions.Logging;

namespace LangSmith.Http.DependencyInjection;

internal sealed class LangSmithPropagationOptionsValidator(ILoggerFactory loggers) : StartupValidator<LangSmithPropagationOptions>(loggers)
{
    protected override List<string> Errors(LangSmithPropagationOptions options)
    {
        options.TryCompile(out var errors);
        return errors;
    }
}
