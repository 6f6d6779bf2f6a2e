using LangSmith.Http;

namespace Quickstart;

/// <summary>Something that must hold, and where it does not.</summary>
internal sealed record Check(string What, IReadOnlyList<string> Broken)
{
    public bool Holds => Broken.Count == 0;
}

/// <summary>
/// What the collector cannot know: which runs belong together, and what crossed the wire. The rest it sees by itself:
/// parents that are missing, runs that have not ended, trees with a wrong order, traces in more than one project.
/// </summary>
internal sealed class Checks(IReadOnlyList<Outcome> outcomes, LangSmithCollector collector, IReadOnlyList<Hop> hops)
{
    public IEnumerable<Check> All() =>
    [
        new("the collector has no problems", [.. collector.Problems.Select(problem => problem.Message)]),
        new("there is a trace for each question, and no other",
            collector.Traces.Count == outcomes.Count ? [] : [$"there are {collector.Traces.Count} for {outcomes.Count} questions"]),
        For("each trace starts in the console and goes through all three services", outcome =>
            outcome.Traces is [{ Root.Service: "console", Services.Count: 3 }]),
        For("thread_id came down to every run", outcome =>
            outcome.Traces.SelectMany(trace => trace.Runs).All(run =>
                run.Metadata.TryGetValue("thread_id", out var id) && id.GetString() == outcome.Question.ThreadId)),
        For("the question that fails is recorded as failed, no other is", outcome =>
            outcome.Traces.Any(trace => trace.Root?.Error is not null) == outcome.Question.Fails),
        new("every hop carried each header once",
            [.. hops.Where(hop => hop.Trace.Count != 1 || hop.Baggage.Count != 1).Select(hop => hop.Path)]),
        SameBytes("the retried attempts carried equal bytes", hop => hop.Attempt > 1),
        SameBytes("the redirected request carried equal bytes", hop => hop.Status == StatusCodes.Status307TemporaryRedirect),
    ];

    private Check For(string what, Func<Outcome, bool> holds) =>
        new(what, [.. outcomes.Where(outcome => !holds(outcome)).Select(outcome => outcome.Question.Topic)]);

    // All that came from one sender about one topic is one call: its attempts, and where it was redirected to.
    private Check SameBytes(string what, Func<Hop, bool> isMeant)
    {
        var calls = hops.GroupBy(hop => (hop.From, hop.Topic)).Where(call => call.Any(isMeant)).ToList();
        var broken = calls.Where(call => call.Count() < 2 || call.Select(hop => (hop.Trace, hop.Baggage)).Distinct().Count() > 1);
        return new(what, calls.Count == 0 ? ["there was none"] : [.. broken.Select(call => call.Key.Topic)]);
    }
}
