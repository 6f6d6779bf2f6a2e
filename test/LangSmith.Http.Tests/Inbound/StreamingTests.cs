using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Streams to real clients, over each transport of SignalR and as server-sent events, with clients that stay and that leave.</summary>
public sealed class StreamingTests
{
    private const int Elements = 5;
    private const int Clients = 10;

    private static readonly HttpTransportType[] Transports =
        [HttpTransportType.WebSockets, HttpTransportType.ServerSentEvents, HttpTransportType.LongPolling];

    [TestCaseSource(nameof(Transports))]
    public async Task Hub_StreamsToManyClients_EveryStepIsItsCallersChild(HttpTransportType transport)
    {
        await using var server = await HubServerAsync();
        var callers = Enumerable.Range(0, Clients).Select(static _ => Caller()).ToArray();

        await Task.WhenAll(callers.Select(async caller =>
        {
            await using var connection = await ConnectAsync(server, transport);
            var read = 0;
            await foreach (var unused in connection.StreamAsync<string>(nameof(AnswerHub.Answer), caller.ToHeaders(), false))
                read++;
            Assert.That(read, Is.EqualTo(Elements));
        }));

        await server.Services.GetRequiredService<Ends>().WaitAsync(Clients);
        AssertTrees(server.Recorder, callers, steps: Elements + 1);
    }

    [TestCaseSource(nameof(Transports))]
    public async Task Hub_ClientLeaves_TheRunEndsWithWhatWasSent(HttpTransportType transport)
    {
        await using var server = await HubServerAsync();
        var caller = Caller();
        await using (var connection = await ConnectAsync(server, transport))
        {
            await foreach (var unused in connection.StreamAsync<string>(nameof(AnswerHub.Answer), caller.ToHeaders(), true))
                break;
        }

        await server.Services.GetRequiredService<Ends>().WaitAsync(1);
        var stream = AssertTrees(server.Recorder, [caller], steps: null).Single();
        Assert.That(stream.Outputs!.Value.GetProperty("output").EnumerateArray().First().GetString(), Is.EqualTo("0"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task ServerSentEvents_ClientStaysOrLeaves_EveryStepIsTheRequestsChild(bool leaves)
    {
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGet("/", static async (HttpContext context, LangSmithTracer tracer, Ends ends) =>
            {
                context.Response.ContentType = "text/event-stream";
                var endless = context.Request.Query.ContainsKey("endless");
                try
                {
                    await foreach (var element in tracer.TraceStream(Steps(tracer, endless), "answer").WithCancellation(context.RequestAborted))
                    {
                        await context.Response.WriteAsync($"data: {element}\n\n", context.RequestAborted);
                        await context.Response.Body.FlushAsync(context.RequestAborted);
                    }
                }
                catch (OperationCanceledException)
                {
                    // The client has left.
                }
                finally
                {
                    ends.Add();
                }
            }),
            services: static services => services.AddSingleton<Ends>());
        var caller = Caller();
        using (var request = new HttpRequestMessage(HttpMethod.Get, leaves ? "/?endless" : "/"))
        {
            foreach (var (name, value) in caller.ToHeaders())
                request.Headers.TryAddWithoutValidation(name, value);
            using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            if (leaves)
                Assert.That(await reader.ReadLineAsync(), Is.EqualTo("data: 0"));
            else
                Assert.That((await reader.ReadToEndAsync()).Split("\n\n"), Has.Length.EqualTo(Elements + 1));
        }

        await server.Services.GetRequiredService<Ends>().WaitAsync(1);
        AssertTrees(server.Recorder, [caller], steps: leaves ? null : Elements + 1);
    }

    // One stream a caller, its child; each step a child of the stream, whoever reads it.
    private static RunSnapshot[] AssertTrees(InMemoryRunRecorder recorder, RunContext[] callers, int? steps)
    {
        var streams = recorder.Runs.Where(static run => run.Name == "answer").ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(streams.Select(static run => run.ParentRunId), Is.EquivalentTo(callers.Select(static caller => (Guid?)caller.RunId)));
            Assert.That(streams, Is.All.Property(nameof(RunSnapshot.EndTime)).Not.Null);
            foreach (var stream in streams)
            {
                var children = recorder.Runs.Count(run => run.ParentRunId == stream.Id);
                Assert.That(children, steps is { } exact ? Is.EqualTo(exact) : Is.GreaterThan(1), "each step, and finally");
            }

            Assert.That(recorder.Runs.Count(static run => run.Name == "step"), Is.EqualTo(recorder.Runs.Count - streams.Length), "and no other run");
            Assert.That(recorder.Runs.Where(static run => run.Name == "step").Select(static run => run.ParentRunId).Distinct(), Is.SubsetOf(streams.Select(static run => (Guid?)run.Id)));
        });
        return streams;
    }

    private static RunContext Caller()
    {
        using var scope = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "caller" }).StartRun("ask");
        return scope.Run.Context;
    }

    private static Task<TracedServer> HubServerAsync() => TracedServer.StartAsync(
        static app => app.MapHub<AnswerHub>("/hub"),
        services: static services => services.AddSingleton<Ends>().AddSignalR());

    private static async Task<HubConnection> ConnectAsync(TracedServer server, HttpTransportType transport)
    {
        var connection = new HubConnectionBuilder().WithUrl(new Uri(server.Origin, "/hub"), transport).Build();
        await connection.StartAsync();
        return connection;
    }

    private static async IAsyncEnumerable<string> Steps(
        LangSmithTracer tracer, bool isEndless, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            for (var i = 0; isEndless || i < Elements; i++)
            {
                tracer.StartRun("step").Dispose();
                await Task.Delay(i == 0 ? 0 : 1, cancellationToken);
                yield return $"{i}";
            }
        }
        finally
        {
            tracer.StartRun("step").Dispose();
        }
    }

    /// <summary>A hub is not traced by itself: the caller's run is an argument, and current on every step.</summary>
    private sealed class AnswerHub(LangSmithTracer tracer, Ends ends) : Hub
    {
        public IAsyncEnumerable<string> Answer(Dictionary<string, string> headers, bool isEndless, CancellationToken cancellationToken) =>
            TracingContext.UseParent(RunContext.FromHeaders(headers), Traced(isEndless, cancellationToken));

        // Two levels of iterators, as applications have them.
        private async IAsyncEnumerable<string> Traced(bool isEndless, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            try
            {
                await foreach (var element in tracer.TraceStream(Steps(tracer, isEndless, cancellationToken), "answer").WithCancellation(cancellationToken))
                    yield return element;
            }
            finally
            {
                ends.Add();
            }
        }
    }

    /// <summary>What a server has finished with, whether the client saw it or not.</summary>
    private sealed class Ends
    {
        private readonly Channel<bool> _ends = Channel.CreateUnbounded<bool>();

        public void Add() => _ends.Writer.TryWrite(true);

        public async Task WaitAsync(int count)
        {
            for (var i = 0; i < count; i++)
                await _ends.Reader.ReadAsync();
        }
    }
}
