using Microsoft.Extensions.Logging;

namespace LangSmith.Http.DependencyInjection;

internal sealed class LangSmithOptionsValidator(ILoggerFactory loggers) : StartupValidator<LangSmithOptions>(loggers)
{
    protected override List<string> Errors(LangSmithOptions options) => options.FindErrors();
}
