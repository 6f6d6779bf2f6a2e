namespace LangSmith.Http;

internal sealed class LangSmithPropagationOptionsValidator : StartupValidator<LangSmithPropagationOptions>
{
    protected override List<string> Errors(LangSmithPropagationOptions options)
    {
        OutboundPolicy.TryCreate(options, out var errors);
        return errors;
    }
}
