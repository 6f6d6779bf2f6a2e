using System.Diagnostics;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>Which members of an activity's baggage a propagator sends.</summary>
internal sealed class SentBaggage(DistributedContextPropagator propagator)
{
    private const string CorrelationContext = "Correlation-Context";

    private static readonly Type PassThrough = DistributedContextPropagator.CreatePassThroughPropagator().GetType();

    // The runtime's own send all members or none, but for the one that passes through what the root has. One of the application's
    // may leave some out.
    private readonly bool _isOfRuntime = propagator.GetType().Assembly == typeof(DistributedContextPropagator).Assembly
        && propagator.GetType() != PassThrough;

    // What one of the runtime's did with the first activity that had baggage.
    private volatile Decision _decision;

    internal DistributedContextPropagator Propagator { get; } = propagator;

    /// <summary>The members that are sent with a message; null for none.</summary>
    internal IEnumerable<KeyValuePair<string, string?>>? Find(Activity activity, HttpRequestMessage request)
    {
        if (!activity.Baggage.Any())
            return null;
        if (!_isOfRuntime)
            return Choose(activity, Ask(activity, request));
        if (_decision is Decision.None)
            _decision = Ask(activity, request) is null ? Decision.NotSent : Decision.Sent;
        return _decision is Decision.Sent ? activity.Baggage : null;
    }

    /// <summary>The members that are sent if the propagator has written this line.</summary>
    internal IEnumerable<KeyValuePair<string, string?>>? Choose(Activity activity, string? line) =>
        line is null ? null : _isOfRuntime ? activity.Baggage : new BaggageText(line);

    /// <summary>Keeps the line of <c>baggage</c>, or of its older name if there is no other.</summary>
    internal static void Keep(ref string? line, string name, string value)
    {
        if (string.Equals(name, RunContext.BaggageHeaderName, StringComparison.OrdinalIgnoreCase))
            line = value;
        else if (string.Equals(name, CorrelationContext, StringComparison.OrdinalIgnoreCase))
            line ??= value;
    }

    // With a message like the one that is sent, because a propagator may write to it and decide by it.
    private string? Ask(Activity activity, HttpRequestMessage request)
    {
        string? line = null;
        using var copy = new HttpRequestMessage(request.Method, request.RequestUri);
        NeverThrow.Run((Propagator, activity, copy), state =>
            state.Propagator.Inject(state.activity, state.copy, (_, name, value) => Keep(ref line, name, value)));
        return line;
    }

    private enum Decision
    {
        None,
        Sent,
        NotSent,
    }
}
