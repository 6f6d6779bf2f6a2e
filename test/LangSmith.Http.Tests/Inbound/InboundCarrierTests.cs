using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using LangSmith.Http.Tests.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Tests;

/// <summary>Runs that arrive otherwise than in a plain request: by gRPC, in a message, in a dictionary, in another process.</summary>
public sealed class InboundCarrierTests : NextService
{
    private readonly LangSmithTracer _caller = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "client" });

    [Test]
    public async Task Grpc_UnaryCall_ServersRunIsAChildOfTheClients()
    {
        await using var server = await StartGrpcAsync();
        using var channel = Channel(server);

        await _caller.RunAsync("ask", async run =>
        {
            run.AddMetadata("user", "ü");
            Assert.That(await Answers.AskAsync(channel, "unary"), Is.EqualTo("re: unary"));

            var inside = server.Recorder.Single("unary");
            Assert.That(inside.ParentRunId, Is.EqualTo(run.Id));
            Assert.That(inside.Project, Is.EqualTo("client"));
            Assert.That(inside.Metadata["user"].GetString(), Is.EqualTo("ü"));
        });
    }

    [Test]
    public async Task Grpc_ServerStreaming_EveryMessagesRunIsAChildOfTheClients()
    {
        await using var server = await StartGrpcAsync();
        using var channel = Channel(server);

        await _caller.RunAsync("ask", async run =>
        {
            using var call = channel.CreateCallInvoker().AsyncServerStreamingCall(Answers.StreamMethod, null, default, "stream");
            var words = new List<string>();
            await foreach (var word in call.ResponseStream.ReadAllAsync())
                words.Add(word);

            Assert.That(words, Is.EqualTo(new[] { "stream 0", "stream 1", "stream 2" }));
            Assert.That(server.Recorder.Runs.Select(static inside => inside.Name), Is.EqualTo(words));
            Assert.That(server.Recorder.Runs.Select(static inside => inside.ParentRunId), Has.All.EqualTo(run.Id));
        });
    }

    [Test]
    public async Task Grpc_ChannelRetries_EveryAttemptCarriesTheSameHeaders()
    {
        var received = new ConcurrentQueue<string>();
        await using var server = await StartGrpcAsync(app => app.Use((context, next) =>
        {
            received.Enqueue($"{context.Request.Headers["grpc-previous-rpc-attempts"]} {context.Request.Headers["langsmith-trace"]} {context.Request.Headers["baggage"]}");
            return next(context);
        }));
        using var channel = Channel(server, new ServiceConfig
        {
            MethodConfigs =
            {
                new MethodConfig
                {
                    Names = { MethodName.Default },
                    RetryPolicy = new RetryPolicy
                    {
                        MaxAttempts = 3,
                        InitialBackoff = TimeSpan.FromMilliseconds(1),
                        MaxBackoff = TimeSpan.FromMilliseconds(1),
                        BackoffMultiplier = 1,
                        RetryableStatusCodes = { StatusCode.Unavailable },
                    },
                },
            },
        });

        await _caller.RunAsync("ask", async run =>
        {
            Assert.That(await Answers.AskAsync(channel, "third time"), Is.EqualTo("re: third time"));

            Assert.That(received, Is.EqualTo(new[]
            {
                $" {run.DottedOrder} langsmith-project=client",
                $"1 {run.DottedOrder} langsmith-project=client",
                $"2 {run.DottedOrder} langsmith-project=client",
            }));
            Assert.That(server.Recorder.Runs.Select(static inside => (inside.Name, inside.ParentRunId)), Is.EqualTo(Enumerable.Repeat(("third time", (Guid?)run.Id), 3)));
        });
    }

    [Test]
    public async Task Grpc_MetadataWrittenByHand_ContinuesTheRunWithoutMiddleware()
    {
        await using var server = await TracedServer.StartAsync(
            static app => app.MapGrpcService<Answers>(), services: static services => services.AddGrpc(), build: static _ => { }, kestrel: Http2);
        using var channel = GrpcChannel.ForAddress(server.Origin);

        using var scope = _caller.StartRun("ask");
        var metadata = new Metadata { { "baggage", "tenant=7" } };
        scope.Run.Context.Inject(
            metadata,
            static (to, name, value) =>
            {
                foreach (var entry in to.GetAll(name).ToArray())
                    to.Remove(entry);
                to.Add(name, value);
            },
            Answers.Get);
        Assert.That(metadata.GetValue("baggage"), Is.EqualTo("langsmith-project=client,tenant=7"));
        await Answers.AskAsync(channel, "by hand", metadata);
        await Answers.AskAsync(channel, "without");

        Assert.That(server.Recorder.Single("by hand").ParentRunId, Is.EqualTo(scope.Run.Id));
        Assert.That(server.Recorder.Single("by hand").Project, Is.EqualTo("client"));
        Assert.That(server.Recorder.Single("without").ParentRunId, Is.Null);
    }

    [TestCase(HttpTransportType.WebSockets)]
    [TestCase(HttpTransportType.LongPolling)]
    public async Task SignalR_Invocations_EachContinuesItsOwnMessagesRun(HttpTransportType transport)
    {
        var received = new ConcurrentQueue<string>();
        await using var server = await TracedServer.StartAsync(
            static app => app.MapHub<AnswerHub>("/hub"),
            static options =>
            {
                options.Trust.FromAnyone();
                // Not of connections, which last.
                options.StartRunPerRequest = true;
            },
            static services => services.AddSignalR(),
            build: app =>
            {
                app.Use((context, next) =>
                {
                    received.Enqueue(context.Request.Headers["langsmith-trace"].ToString());
                    return next(context);
                });
                app.UseLangSmithTracing();
            });

        // The run of the connection: its headers are on the upgrade, or on every poll.
        using var connecting = _caller.StartRun("connect");
        await using var connection = new HubConnectionBuilder().WithUrl(new Uri(server.Origin, "/hub"), options =>
        {
            options.Transports = transport;
            foreach (var (name, value) in connecting.Run.ToHeaders())
                options.Headers[name] = value;
        }).Build();
        await connection.StartAsync();
        var first = await InvokeAsync("first");
        var second = await InvokeAsync("second");
        await connection.InvokeAsync("Ask", "without", null);

        Assert.That(received, Has.Count.GreaterThanOrEqualTo(2).And.All.EqualTo(connecting.Run.DottedOrder), "negotiation and transport carry the run");
        Assert.That(server.Recorder.Runs.Select(static run => (run.Name, run.ParentRunId)), Is.EqualTo(new (string, Guid?)[] { ("first", first), ("second", second), ("without", null) }));
        Assert.That(server.Recorder.Runs.Select(static run => run.Project), Is.EqualTo(new[] { "client", "client", "server" }));

        Task<Guid> InvokeAsync(string question) => _caller.RunAsync(question, async run =>
        {
            await connection.InvokeAsync("Ask", question, run.ToHeaders());
            return run.Id;
        });
    }

    [TestCase("Headers", """{"Host":"localhost","Langsmith-Trace":"$trace","Baggage":"$baggage"}""")]
    [TestCase("Headers", """{"langsmith-trace":"$trace","baggage":"$baggage","Content-Length":"2"}""")]
    [TestCase("Headers", """{"LANGSMITH-TRACE":"$trace","BAGGAGE":"$baggage"}""")]
    [TestCase("ApplicationProperties", """{"langsmith-trace":"$trace","baggage":"$baggage","attempt":1,"urgent":true,"nothing":null}""")]
    public async Task FunctionsBindingData_WithTheHeadersAsJson_ContinuesTheRun(string name, string json)
    {
        using var scope = _caller.StartRun("ask");
        scope.Run.AddMetadata("thread_id", "t \"1\"");
        var headers = scope.Run.ToHeaders();
        // The shape of FunctionContext.BindingContext.BindingData of the isolated worker.
        var bindingData = new Dictionary<string, object?>
        {
            ["Query"] = "{}",
            [name] = json.Replace("$trace", headers["langsmith-trace"], StringComparison.Ordinal).Replace("$baggage", headers["baggage"], StringComparison.Ordinal),
        };
        var recorder = new InMemoryRunRecorder();
        var function = Recording.Tracer(recorder);

        // As on the other side of the wire: nothing is current there.
        using (TracingContext.Suppress())
        using (TracingContext.UseParent(RunContext.FromHeaders(Texts(bindingData[name]))))
            await function.RunAsync("function", static _ => Task.CompletedTask);
        using (TracingContext.Suppress())
        using (TracingContext.UseParent(RunContext.FromHeaders(Texts(bindingData["Query"]))))
            await function.RunAsync("without", static _ => Task.CompletedTask);

        Assert.That(recorder.Single("function").ParentRunId, Is.EqualTo(scope.Run.Id));
        Assert.That(recorder.Single("function").Project, Is.EqualTo("client"));
        Assert.That(recorder.Single("function").Metadata["thread_id"].GetString(), Is.EqualTo("t \"1\""));
        Assert.That(recorder.Single("without").ParentRunId, Is.Null);

        static IEnumerable<KeyValuePair<string, string>> Texts(object? json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>((string)json!)!
            .Where(static pair => pair.Value.ValueKind == JsonValueKind.String)
            .Select(static pair => KeyValuePair.Create(pair.Key, pair.Value.GetString()!));
    }

    [Test]
    public async Task Job_RestoredInAnotherProcess_ContinuesTheRun()
    {
        using var scope = _caller.StartRun("enqueue");
        scope.Run.AddMetadata("thread_id", "t é");
        scope.Run.AddTags("later");
        var stored = JsonSerializer.Serialize(scope.Run.ToHeaders());
        scope.Dispose();

        var dottedOrder = await RunJobAsync(stored, "job");

        Assert.That(dottedOrder, Does.StartWith(scope.Run.DottedOrder + ".").And.Length.EqualTo((2 * scope.Run.DottedOrder.Length) + 1));
        Assert.That(Received("job"), Is.EqualTo(new[]
        {
            $"{dottedOrder} langsmith-metadata=%7B%22thread_id%22%3A%22t%20%C3%A9%22%7D,langsmith-tags=later,langsmith-project=client",
        }));
    }

    [TestCase("""{"langsmith-trace":"garbage","baggage":"%%%,=,langsmith-metadata=%7Bnot%20json,langsmith-project=client"}""")]
    [TestCase("""{"langsmith-trace":"20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001.","baggage":"langsmith-project=client"}""")]
    [TestCase("""{"langsmith-trace":null,"baggage":null}""")]
    [TestCase("{}")]
    public async Task Job_OfABrokenCarrier_IsARoot(string stored)
    {
        var id = TestContext.CurrentContext.Test.ID;

        var dottedOrder = await RunJobAsync(stored, id);

        Assert.That(dottedOrder, Has.Length.EqualTo("20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001".Length));
        Assert.That(Received(id), Is.EqualTo(new[] { $"{dottedOrder} langsmith-project=jobs" }));
    }

    private static void Http2(KestrelServerOptions options) => options.Listen(System.Net.IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2);

    private static Task<TracedServer> StartGrpcAsync(Action<WebApplication>? first = null) => TracedServer.StartAsync(
        static app => app.MapGrpcService<Answers>(),
        services: static services => services.AddGrpc(),
        build: app =>
        {
            first?.Invoke(app);
            app.UseLangSmithTracing();
        },
        kestrel: Http2);

    private static GrpcChannel Channel(TracedServer server, ServiceConfig? config = null) => GrpcChannel.ForAddress(server.Origin, new GrpcChannelOptions
    {
        HttpHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()),
        DisposeHttpClient = true,
        ServiceConfig = config,
    });

    /// <summary>Starts the job's process; returns the dotted order it prints.</summary>
    private async Task<string> RunJobAsync(string carrier, string caseId)
    {
        var configuration = typeof(InboundCarrierTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        using var job = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Repository.PathTo($"test/LangSmith.Http.JobProcess/bin/{configuration}/net10.0/LangSmith.Http.JobProcess.dll"), $"{Next.Origin}?case={caseId}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = job.StandardError.ReadToEndAsync();
        await job.StandardInput.WriteAsync(carrier);
        job.StandardInput.Close();
        var printed = await job.StandardOutput.ReadToEndAsync();
        await job.WaitForExitAsync();
        Assert.That(job.ExitCode, Is.Zero, await errors);
        return printed.Trim();
    }

    /// <summary>What the gRPC tools would generate.</summary>
    [BindServiceMethod(typeof(AnswersBase), nameof(BindService))]
    private abstract class AnswersBase
    {
        public static readonly Method<string, string> AskMethod = Describe(MethodType.Unary, nameof(Ask));

        public static readonly Method<string, string> StreamMethod = Describe(MethodType.ServerStreaming, nameof(Stream));

        public static void BindService(ServiceBinderBase binder, AnswersBase? service)
        {
            binder.AddMethod(AskMethod, service is null ? null : service.Ask);
            binder.AddMethod(StreamMethod, service is null ? null : service.Stream);
        }

        public abstract Task<string> Ask(string request, ServerCallContext context);

        public abstract Task Stream(string request, IServerStreamWriter<string> responses, ServerCallContext context);

        private static Method<string, string> Describe(MethodType type, string name) =>
            new(type, "langsmith.tests.Answers", name, Marshallers.StringMarshaller, Marshallers.StringMarshaller);
    }

    /// <summary>Every answer is a run named by its question.</summary>
    private sealed class Answers(LangSmithTracer tracer) : AnswersBase
    {
        public static async Task<string> AskAsync(GrpcChannel channel, string question, Metadata? headers = null)
        {
            using var call = channel.CreateCallInvoker().AsyncUnaryCall(AskMethod, null, new CallOptions(headers), question);
            return await call.ResponseAsync;
        }

        public static IEnumerable<string?> Get(Metadata metadata, string name) => metadata.GetAll(name).Select(static entry => entry.Value);

        public override Task<string> Ask(string request, ServerCallContext context)
        {
            // Where the middleware ran, nothing of ours is left in here.
            using var byHand = RunContext.TryExtract(context.RequestHeaders, Get, out var parent) ? TracingContext.UseParent(parent) : null;
            return tracer.RunAsync(request, _ => request == "third time" && context.RequestHeaders.GetValue("grpc-previous-rpc-attempts") != "2"
                ? throw new RpcException(new Status(StatusCode.Unavailable, "not yet"))
                : Task.FromResult("re: " + request));
        }

        public override async Task Stream(string request, IServerStreamWriter<string> responses, ServerCallContext context)
        {
            for (var i = 0; i < 3; i++)
                await tracer.RunAsync($"{request} {i}", run => responses.WriteAsync(run.Name, context.CancellationToken));
        }
    }

    /// <summary>A message brings its own carrier; what is current on the connection is nobody's.</summary>
    private sealed class AnswerHub(LangSmithTracer tracer) : Hub
    {
        public Task Ask(string question, Dictionary<string, string>? carrier)
        {
            // No UseParent(null) where there is none: the test would not see the connection's run.
            using var parent = carrier is null ? null : TracingContext.UseParent(RunContext.FromHeaders(carrier));
            return tracer.RunAsync(question, static _ => Task.CompletedTask);
        }
    }
}
