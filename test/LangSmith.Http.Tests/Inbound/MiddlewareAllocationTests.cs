using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>What the middleware allocates, counted to the byte.</summary>
[NonParallelizable] // Activities and meter listeners are the process's.
public sealed class MiddlewareAllocationTests
{
    private const int Requests = 10_000;

    [Test]
    public void Request_WithoutOurHeaders_AllocatesNothing(
        [Values("", "tenant=7,k=v;p=1", "tenant=%37, langsmith=1 ,=,;;,k%20=v,+k=v")] string baggage, [Values] bool isTraceParent, [Values] bool isCounted)
    {
        long counted = 0;
        using var listener = isCounted ? new MeterListener() : null;
        if (listener is not null)
        {
            listener.InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Name == "langsmith.http.inbound")
                    listener.EnableMeasurementEvents(instrument);
            };
            listener.SetMeasurementEventCallback<long>((_, value, tags, _) => counted += tags[0].Value is "absent" ? value : 0);
            listener.Start();
        }

        using var activity = isTraceParent ? new Activity("request").Start() : null;
        using var pipeline = new InboundPipeline(static (_, _) => Task.CompletedTask, static options => options.Trust.FromNetworks("10.0.0.0/8").FromAnyone());
        var context = new DefaultHttpContext();
        if (baggage.Length > 0)
        {
            context.Request.Headers.Baggage = baggage;
            context.Request.Headers["Correlation-Context"] = new[] { baggage, "k=v" };
        }

        if (isTraceParent)
            context.Request.Headers.TraceParent = activity!.Id;

        Assert.That(BytesPerRequest(pipeline.Invoke, context), Is.Zero);
        Assert.That(counted, Is.EqualTo(isCounted ? 2 * Requests : 0));
    }

    [Test]
    public async Task Request_OnKestrel_AllocatesNothing()
    {
        var bytes = new List<long>();
        await using var server = await TracedServer.StartAsync(
            static app => app.Run(static _ => Task.CompletedTask),
            build: app =>
            {
                app.Use(next => context =>
                {
                    var before = GC.GetAllocatedBytesForCurrentThread();
                    var task = next(context);
                    bytes.Add(GC.GetAllocatedBytesForCurrentThread() - before);
                    return task;
                });
                app.UseLangSmithTracing();
            });

        for (var i = 0; i < 100; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation("baggage", "tenant=7");
            request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            using var response = await server.Client.SendAsync(request);
        }

        // The first ones allocate what a connection keeps.
        Assert.That(bytes.Skip(50), Is.EquivalentTo(Enumerable.Repeat(0, 50)));
    }

    [Test]
    public void Request_WithOurHeaders_Allocates()
    {
        using var pipeline = new InboundPipeline(static (_, _) => Task.CompletedTask);
        var context = new DefaultHttpContext();

        Assert.That(BytesPerRequest(Invoke, context), Is.Positive, "the measurement sees what is allocated");

        Task Invoke(HttpContext context)
        {
            context.Features.Set<InboundRequest>(null);
            context.Request.Headers["langsmith-trace"] = "none";
            return pipeline.Invoke(context);
        }
    }

    // Values of any length: a beginning, then the same again and again, then an end.
    private static readonly (string Header, string Start, string Filling, string End)[] Values =
    [
        ("langsmith-trace", "", "a", ""),
        ("langsmith-trace", "", HostileHeaders.Trace + ".", ""),
        ("langsmith-trace", "", ",", ""),
        ("baggage", "", ",", ",langsmith-project=p"),
        ("baggage", "", "k,", ",langsmith-project=p"),
        ("baggage", "", "%,", ",langsmith-project=p"),
        ("baggage", "", "%6c=,", ",langsmith-project=p"),
        ("baggage", "", "+%20x,", ",langsmith-project=p"),
        ("baggage", "", "tenant=7,langsmith-x,", ""),
        ("baggage", "", "langsmith-,", ""),
        ("baggage", "", "langsmith-project=%FF,", ""),
        ("baggage", "", "langsmith-address=a%20b,", ""),
        ("baggage", "", "langsmith-tags=a%2Cb,", ""),
        ("baggage", "", "langsmith-metadata=%7B%7D,", ""),
        ("baggage", "langsmith-project=", "%FF", ""),
        ("baggage", "langsmith-project=", "%F0%90", ""),
        ("baggage", "langsmith-tags=", "a%2C", ""),
        ("baggage", "langsmith-metadata=%7B", "\"\":{}%2C", "\"\":{}%7D"),
        ("baggage", "langsmith-metadata=%7B%22a%22:[", "{}%2C", "{}]%7D"),
        ("baggage", "langsmith-metadata=%7B\"a\":", "[", ""),
        ("Correlation-Context", "", "tenant=7,langsmith-x,", ""),
    ];

    [Test]
    public void Request_WithHostileHeaders_AllocatesNoMoreThanASmallMultipleOfThem(
        [ValueSource(nameof(Values))] (string Header, string Start, string Filling, string End) value, [Values(1, 32)] int lines)
    {
        const int BytesPerCharacter = 20;
        const int Constant = 8192;
        using var pipeline = new InboundPipeline(static (_, tracer) =>
        {
            // The metadata is decoded where the first run needs it.
            tracer.Run("answer", static _ => { });
            return Task.CompletedTask;
        });
        long before = Constant;
        foreach (var length in (int[])[15_000, 30_000, 60_000, 120_000, 240_000])
        {
            var line = value.Start + string.Concat(Enumerable.Repeat(value.Filling, length / lines / value.Filling.Length)) + value.End;
            Serve(line);

            var bytes = Serve(line);

            Assert.That(bytes, Is.LessThan((BytesPerCharacter * length) + Constant), $"{length} characters");
            if (length > 15_000)
                Assert.That(bytes, Is.LessThan(3 * Math.Max(before, Constant)), $"{length} characters instead of half of them");
            before = bytes;
        }

        long Serve(string line)
        {
            var context = new DefaultHttpContext();
            context.Request.Headers["langsmith-trace"] = HostileHeaders.Trace;
            context.Request.Headers[value.Header] = Enumerable.Repeat(line, lines).ToArray();
            var before = GC.GetAllocatedBytesForCurrentThread();
            var task = pipeline.Invoke(context);
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(task.IsCompletedSuccessfully);
            return bytes;
        }
    }

    private static long BytesPerRequest(RequestDelegate app, HttpContext context)
    {
        // Static constructors run, and the context's features come into being, in the first requests.
        Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        return (GC.GetAllocatedBytesForCurrentThread() - before) / Requests;

        void Run()
        {
            for (var i = 0; i < Requests; i++)
            {
                if (!app(context).IsCompletedSuccessfully)
                    throw new InvalidOperationException("The rest runs, and allocates, on another thread.");
            }
        }
    }
}
