using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>What work keeps that a request left behind.</summary>
public sealed class LeftoverTests
{
    // What a JsonElement keeps alive.
    private static readonly FieldInfo Document = typeof(JsonElement).GetField("_parent", BindingFlags.NonPublic | BindingFlags.Instance)!;

    private const string Trace = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    [Test]
    public async Task Work_ThatOutlivesItsRequest_KeepsIdentityAndNoPayload([Values] bool startsRunPerRequest, [Values("task", "context", "timer")] string kind)
    {
        const int Requests = 20;
        var payloads = new ConcurrentQueue<WeakReference>();
        var inRequest = new List<Func<Task<(RunTree?, RunContext?)>>>();
        var inRun = new List<Func<Task<(RunTree?, RunContext?)>>>();

        // Everything else that may hold something ends with the server.
        await ServeAsync().ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Collect();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(payloads, Has.Count.EqualTo(4 * Requests), "each, and the JSON of inputs, outputs and event");
            Assert.That(payloads.Count(static payload => payload.IsAlive), Is.Zero);
            foreach (var observe in inRequest)
            {
                var (run, context) = await observe();
                Assert.That(run?.Name, Is.EqualTo(startsRunPerRequest ? "GET /" : null));
                Assert.That(context?.DottedOrder, startsRunPerRequest ? Does.StartWith(Trace + ".") : Is.EqualTo(Trace));
                AssertEnded(run);
            }

            foreach (var observe in inRun)
            {
                var (run, context) = await observe();
                Assert.That(run?.Name, Is.EqualTo("ask"));
                Assert.That(context?.DottedOrder, Does.StartWith(Trace + "."));
                AssertEnded(run);
            }
        }

        async Task ServeAsync()
        {
            await using var server = await TracedServer.StartAsync(
                app => app.MapGet("/", async (HttpContext context, LangSmithTracer tracer) =>
                {
                    inRequest.Add(Leave(kind));
                    var payload = new Payload();
                    payloads.Enqueue(new WeakReference(payload));
                    context.Items["payload"] = payload;
                    context.Features.Set(payload);
                    await tracer.RunAsync("ask", async run =>
                    {
                        inRun.Add(Leave(kind));
                        run.AddEvent("event", payload);
                        await Task.Yield();
                        return payload;
                    }, payload);
                }),
                options =>
                {
                    options.Trust.FromAnyone();
                    options.StartRunPerRequest = startsRunPerRequest;
                });
            for (var i = 0; i < Requests; i++)
                await SendAsync(server, "/");
            foreach (var run in server.Recorder.Runs.Where(static run => run.Name == "ask"))
            {
                foreach (var json in (JsonElement?[])[run.Inputs, run.Outputs, run.Events.Single().Payload])
                    payloads.Enqueue(new WeakReference(Document.GetValue(json)));
            }

            // The runs know it.
            server.Recorder.Clear();
        }

        static void AssertEnded(RunTree? run) =>
            Assert.That((run?.IsEnded ?? true, run?.Inputs, run?.Outputs, run?.Events.Count ?? 0), Is.EqualTo((true, (object?)null, (object?)null, 0)));
    }

    [Test]
    public async Task LazyConsumer_StartedByTheFirstRequest_KeepsItsRunOnlyWithoutSuppress(
        [Values] bool startsRunPerRequest, [Values] bool hasCarrier, [Values] bool isSuppressed)
    {
        var first = new WeakReference(null);
        var consumer = new Consumer(isSuppressed);

        var runs = await ServeAsync().ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Collect();

        using (Assert.EnterMultipleScope())
        {
            var (asked1, handled1) = (Run("ask 1"), Run("handle 1"));
            Assert.That(handled1.ParentRunId, Is.EqualTo(asked1.Id), "by its carrier");
            var (asked2, handled2) = (Run("ask 2"), Run("handle 2"));
            Assert.That(asked2.TraceId, Is.Not.EqualTo(asked1.TraceId));
            Assert.That(handled2.ParentRunId, Is.EqualTo(hasCarrier ? asked2.Id : isSuppressed ? null : asked1.Id));
            Assert.That(first.IsAlive, Is.EqualTo(!isSuppressed));
        }

        GC.KeepAlive(consumer);

        RunSnapshot Run(string name) => runs.Single(run => run.Name == name);

        async Task<IReadOnlyList<RunSnapshot>> ServeAsync()
        {
            await using var server = await TracedServer.StartAsync(
                app => app.MapGet("/{item}", async (string item, LangSmithTracer tracer) => await tracer.RunAsync($"ask {item}", async run =>
                {
                    first.Target ??= run;
                    var message = new Message(item, [], new TaskCompletionSource());
                    if (hasCarrier || item == "1")
                        run.Context.Inject(message.Headers, static (headers, name, value) => headers[name] = value);
                    consumer.Add(message, tracer);
                    await message.Handled.Task;
                })),
                options =>
                {
                    options.Trust.FromAnyone();
                    options.StartRunPerRequest = startsRunPerRequest;
                });
            await SendAsync(server, "/1");
            await SendAsync(server, "/2", Trace.Replace("8000-000000000001", "8000-000000000002", StringComparison.Ordinal));
            return server.Recorder.Runs;
        }
    }

    private static async Task SendAsync(TracedServer server, string path, string trace = Trace)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("langsmith-trace", trace);
        using var response = await server.Client.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Starts work that stays; what it returns asks that work what is current in it.</summary>
    private static Func<Task<(RunTree?, RunContext?)>> Leave(string kind)
    {
        switch (kind)
        {
            case "task":
                var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                var task = Task.Run(async () =>
                {
                    await go.Task;
                    return Current();
                });
                return () =>
                {
                    go.SetResult();
                    return task;
                };
            case "context":
                var context = ExecutionContext.Capture()!;
                return () =>
                {
                    var current = default((RunTree?, RunContext?));
                    ExecutionContext.Run(context, _ => current = Current(), null);
                    return Task.FromResult(current);
                };
            default:
                var rang = new TaskCompletionSource<(RunTree?, RunContext?)>(TaskCreationOptions.RunContinuationsAsynchronously);
                var timer = new Timer(_ => rang.SetResult(Current()), null, Timeout.Infinite, Timeout.Infinite);
                return async () =>
                {
                    timer.Change(0, Timeout.Infinite);
                    var current = await rang.Task;
                    await timer.DisposeAsync();
                    return current;
                };
        }

        static (RunTree?, RunContext?) Current() => (RunTree.Current, Ambient.Current?.Context);
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private sealed class Payload
    {
        public string Text { get; } = new('x', 500_000);
    }

    private sealed record Message(string Name, Dictionary<string, string> Headers, TaskCompletionSource Handled);

    /// <summary>The README's consumer, which the first message starts.</summary>
    private sealed class Consumer(bool isSuppressed)
    {
        private readonly Channel<Message> _messages = Channel.CreateUnbounded<Message>();
        private int _isStarted;

        public void Add(Message message, LangSmithTracer tracer)
        {
            if (Interlocked.Exchange(ref _isStarted, 1) == 0)
            {
                using (isSuppressed ? TracingContext.Suppress() : null)
                    _ = Task.Run(() => ConsumeAsync(tracer));
            }

            _messages.Writer.TryWrite(message);
        }

        private async Task ConsumeAsync(LangSmithTracer tracer)
        {
            await foreach (var message in _messages.Reader.ReadAllAsync())
            {
                using (RunContext.FromHeaders(message.Headers) is { } parent ? TracingContext.UseParent(parent) : null)
                    tracer.Run($"handle {message.Name}", static _ => { });
                message.Handled.SetResult();
            }
        }
    }
}
