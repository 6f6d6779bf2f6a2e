using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Collector.PageTests;

/// <summary>Services that record into one collector, on one clock that moves when told to.</summary>
internal sealed class Services(LangSmithCollector collector)
{
    private readonly Dictionary<(string Service, string Project), LangSmithTracer> _tracers = [];

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.UtcNow.AddMinutes(-20));

    public string Project { get; set; } = "support";

    public RunScope Start(string service, string name, string runType = RunTypes.Chain, object? inputs = null, RunOptions? options = null)
    {
        if (!_tracers.TryGetValue((service, Project), out var tracer))
        {
            tracer = new LangSmithTracer(
                collector.CreateRecorder(service), new LangSmithOptions { Tracing = true, Project = Project }, timeProvider: Clock);
            _tracers.Add((service, Project), tracer);
        }

        options ??= new RunOptions();
        options.RunType = runType;
        return tracer.StartRun(name, inputs, options);
    }

    /// <summary>What the other side of an HTTP call does: all that comes over is two headers.</summary>
    public IDisposable Receive(RunTree caller) => TracingContext.UseParent(RunContext.FromHeaders(caller.ToHeaders(), Clock));

    public void Wait(int milliseconds) => Clock.Advance(TimeSpan.FromMilliseconds(milliseconds));

    /// <summary>A run that takes so long and calls nobody.</summary>
    public void Work(string service, string name, string runType, int milliseconds, object? inputs = null, object? outputs = null, string? error = null)
    {
        using var scope = Start(service, name, runType, inputs);
        Wait(milliseconds);
        if (error is null)
            scope.Run.End(outputs);
        else
            scope.Run.Fail(error);
    }

    /// <summary>A run that is left open, and is no parent of what is started next.</summary>
    public RunTree Leave(string service, string name, string runType = RunTypes.Chain, object? inputs = null)
    {
        RunTree? run = null;
        ExecutionContext.Run(ExecutionContext.Capture()!, _ => run = Start(service, name, runType, inputs).Run, null);
        return run!;
    }

    /// <summary>
    /// A question that goes over console, gateway and worker: 2.15 s, 7 runs, with an error in a tool or without. With
    /// <paramref name="pending"/>, the answer's generation is not ended but handed out there.
    /// </summary>
    public RunTree Ask(string question, string? error = null, Action<RunTree>? pending = null, string thread = "thread-42")
    {
        using var ask = Start("console", "answer question", inputs: new { question }, options: new()
        {
            Metadata = [new("thread_id", thread), new("user", "u-1"), new("release", "2024.11")],
            Tags = ["production", "eu-west"],
        });
        Wait(20);
        using (Receive(ask.Run))
        using (var post = Start("gateway", "POST /ask", inputs: new { question }))
        {
            Wait(20);
            Work("gateway", "rewrite question", RunTypes.Llm, 220, new { model = "small-1", question }, new { query = "refund policy damaged goods" });
            Wait(20);
            Retrieve(post.Run, error);
            Wait(20);
            using (Receive(post.Run))
            {
                var generate = Leave("worker", "generate answer", RunTypes.Llm, Prompt(question));
                Wait(1180);
                if (pending is null)
                    generate.End(new { content = "A damaged item is refunded in full within 30 days [1].", usage = new { input_tokens = 1874, output_tokens = 96 } });
                else
                    pending(generate);
            }

            Wait(20);
            post.Run.End(new { status = 200 });
        }

        Wait(30);
        ask.Run.End(new { answer = "A damaged item is refunded in full within 30 days." });
        return ask.Run;
    }

    private void Retrieve(RunTree caller, string? error)
    {
        using var _ = Receive(caller);
        using var retrieve = Start("worker", "retrieve", RunTypes.Retriever, new { query = "refund policy damaged goods", k = 4 });
        Wait(20);
        Work("worker", "embed query", RunTypes.Embedding, 120, new { model = "embed-3" }, new { dimensions = 1024 });
        Wait(10);
        Work("worker", "search index", RunTypes.Tool, 450, new { index = "policies", k = 4 }, new { hits = 4 }, error);
        Wait(20);
        retrieve.Run.End(new { documents = new[] { new { id = "policy-17", score = 0.91 }, new { id = "policy-4", score = 0.83 } } });
    }

    private static object Prompt(string question) => new
    {
        model = "large-2",
        temperature = 0.2,
        messages = new[]
        {
            new { role = "system", content = "Answer from the documents only, and cite them." },
            new { role = "user", content = question },
        },
    };
}
