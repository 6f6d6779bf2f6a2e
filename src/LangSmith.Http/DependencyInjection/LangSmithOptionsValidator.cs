using LangSmith.Http.Propagation;
using LangSmith.Http.Runs;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.DependencyInjection;

internal sealed class LangSmithOptionsValidator(ILoggerFactory loggers) : StartupValidator<LangSmithOptions>(loggers)
{
    internal static List<string> FindErrors(LangSmithOptions options)
    {
        var errors = new List<string>(options.ConfigurationErrors);
        if (options.Project is not null && string.IsNullOrWhiteSpace(options.Project))
            errors.Add("Project is blank. Give the project's name, or leave it null for LANGSMITH_PROJECT.");
        if (options is { Project: not null, AgentAddress: not null })
            errors.Add("Project and AgentAddress are both set. A run goes to one of them: take one out.");
        else if (options.AgentAddress is not null && AgentAddress.Normalize(options.AgentAddress) is null)
            errors.Add($"AgentAddress is '{options.AgentAddress}'. Write lrn:agents/<id>/environments/<local, development, staging or production>, the id in lower case letters, digits and hyphens.");
        else if (options is { Project: null, AgentAddress: null } && TracingState.FindEnvironmentError() is { } error)
            errors.Add(error);
        if (options.JsonSerializerOptions is null)
            errors.Add("JsonSerializerOptions is null. Leave the default, or give options with a TypeInfoResolver for your types.");
        return errors;
    }

    protected override List<string> Errors(LangSmithOptions options) => FindErrors(options);
}
