using LangSmith.Http;
using Microsoft.Extensions.Primitives;

namespace Quickstart;

/// <summary>One message as the receiver saw it.</summary>
internal sealed record Hop(string From, string To, string Method, string Path, StringValues Trace, StringValues Baggage)
{
    /// <summary>1 when the request arrives for the first time, 2 when it is sent again…</summary>
    public int Attempt { get; init; }

    /// <summary>What was answered; 0 on a queue, where nobody answers.</summary>
    public int Status { get; set; }

    public string Topic => Path[(Path.LastIndexOf('/') + 1)..];
}

/// <summary>Writes down what arrives, for the report. Your services do not need it.</summary>
internal sealed class Wire
{
    private readonly Lock _gate = new();
    private readonly List<Hop> _hops = [];

    public IReadOnlyList<Hop> Hops
    {
        get
        {
            lock (_gate)
                return [.. _hops];
        }
    }

    public void Watch(WebApplication app, string service) => app.Use(async (context, next) =>
    {
        var request = context.Request;
        var hop = Add(new Hop(
            request.Headers.UserAgent.ToString(), service, request.Method, request.Path.ToString(),
            request.Headers[RunContext.TraceHeaderName], request.Headers[RunContext.BaggageHeaderName]));
        // Behind the response it would be too late: the caller may be reading the table by then.
        context.Response.OnStarting(() =>
        {
            hop.Status = context.Response.StatusCode;
            return Task.CompletedTask;
        });
        try
        {
            await next(context);
        }
        catch (Exception)
        {
            // The run that failed says why; the caller gets what a server without this would answer.
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
    });

    public void Received(Job job) => Add(new Hop(
        "gateway", "worker", "JOB", $"/jobs/{job.Topic}",
        job.Headers.GetValueOrDefault(RunContext.TraceHeaderName),
        job.Headers.GetValueOrDefault(RunContext.BaggageHeaderName)));

    private Hop Add(Hop hop)
    {
        lock (_gate)
        {
            var key = (hop.From, hop.To, hop.Method, hop.Path);
            var earlier = _hops.Count(other => (other.From, other.To, other.Method, other.Path) == key);
            _hops.Add(hop = hop with { Attempt = earlier + 1 });
            return hop;
        }
    }
}
