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

    /// <summary>True for the header that carries baggage, and for its older name, which .NET 8 still uses.</summary>
    internal static bool IsBaggage(string name) =>
        string.Equals(name, RunContext.BaggageHeaderName, StringComparison.OrdinalIgnoreCase)
        || string.Equals(name, CorrelationContext, StringComparison.OrdinalIgnoreCase);

    /// <summary>The members that are sent; null for none.</summary>
    internal IEnumerable<KeyValuePair<string, string?>>? Find(Activity activity)
    {
        if (!activity.Baggage.Any())
            return null;
        if (_decision is Decision.None)
        {
            var line = Ask(activity);
            if (!_isOfRuntime)
                return Choose(activity, line);
            _decision = line is null ? Decision.NotSent : Decision.Sent;
        }

        return _decision is Decision.Sent ? activity.Baggage : null;
    }

    /// <summary>The members that are sent if the propagator has written this line.</summary>
    internal IEnumerable<KeyValuePair<string, string?>>? Choose(Activity activity, string? line)
    {
        if (line is null || _isOfRuntime)
            return line is null ? null : activity.Baggage;
        return BaggageLine.GetPairs(line);
    }

    // Without a message, because it writes to the one it is given.
    private string? Ask(Activity activity)
    {
        var answer = new Answer();
        NeverThrow.Run((Propagator, activity, answer), static state => state.Propagator.Inject(state.activity, state.answer, static (carrier, name, value) =>
        {
            if (IsBaggage(name))
                ((Answer)carrier!).Line = value;
        }));
        return answer.Line;
    }

    private enum Decision
    {
        None,
        Sent,
        NotSent,
    }

    private sealed class Answer
    {
        internal string? Line { get; set; }
    }
}
