using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A client with our handler calls Express, which continues with <c>fromHeaders</c> and <c>withRunTree</c>.</summary>
public sealed class DotNetToNodeTests : NodeTests
{
    private readonly InMemoryRunRecorder _recorder = new();
    private readonly HttpClient _client = new(new LangSmithPropagationHandler(new SocketsHttpHandler()));

    [SetUp]
    public void ForgetRuns() => _recorder.Clear();

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Express_CalledWithTheHandler_SeesTheRunAsItIsAndContinuesIt()
    {
        var express = Start("server.mjs", "Express");
        var address = new Uri(await express.ListensAsync(), "answer");
        var tracer = Tracer(_recorder);

        var answers = await Task.WhenAll(Texts.Select(async text =>
        {
            // The runtime has baggage of its own to write, with blanks the JavaScript SDK stumbles over.
            using var activity = new Activity("request").AddBaggage("user", "ann").Start();
            using var context = TracingContext.With(project: $"project {text}");
            return await tracer.RunAsync("ask", async run =>
            {
                run.AddMetadata("text", text);
                run.AddMetadata("nested", new { number = 1.5, list = new object?[] { 1, null, true, text } });
                return (Run: run, Answer: await AskAsync(address, new { question = text }));
            }, options: new RunOptions { Tags = ["first", WithoutComma(text)] });
        }));
        await express.FlushAsync();

        var trees = TraceTree.Join([.. TracedRun.Of(".NET", _recorder), .. PostedRuns()]).ToDictionary(static tree => tree.Root.Id);
        Assert.That(trees, Has.Count.EqualTo(Texts.Length));
        using var all = Assert.EnterMultipleScope();
        foreach (var (text, (run, answer)) in Texts.Zip(answers))
        {
            var tree = trees[run.Id.ToString()];
            Assert.That(tree.ToString(), Is.EqualTo("""
                ask (.NET)
                  answer (Express)

                """));
            var ask = tree[".NET", "ask"];
            Assert.That((string?)answer["text"], Is.EqualTo($"Express has \"{text}\""));

            Assert.That(((string?)answer["baggage"])!.Split(','), Does.Contain("tenant=7"));

            var seen = answer["parent"]!;
            Assert.That((string?)seen["id"], Is.EqualTo(ask.Id));
            Assert.That((string?)seen["trace_id"], Is.EqualTo(ask.TraceId));
            Assert.That((string?)seen["dotted_order"], Is.EqualTo(ask.DottedOrder));
            Assert.That((string?)seen["project"], Is.EqualTo($"project {text}"));
            Assert.That(seen["tags"]!.AsArray().Select(static tag => (string?)tag), Is.EqualTo(new[] { "first", WithoutComma(text) }));
            Assert.That(seen["metadata"]!.AsObject().ToDictionary(static pair => pair.Key, static pair => pair.Value!.ToJsonString()), Is.EquivalentTo(ask.Metadata));

            Assert.That(ask.Metadata, Has.Count.EqualTo(2));
            Assert.That(ask.Metadata["text"], Is.EqualTo(TracedRun.ToJson(text)));
            var inherited = tree["Express", "answer"].Metadata;
            Assert.That(ask.Metadata.Where(pair => inherited.GetValueOrDefault(pair.Key) != pair.Value), Is.Empty, "inherited");
            Assert.That(inherited["answered_by"], Is.EqualTo(TracedRun.ToJson("Node ✓")));
            Assert.That(tree["Express", "answer"].Project, Is.EqualTo($"project {text}"));
        }
    }

    [Test]
    public async Task Express_Fails_TheErrorIsOnBothRuns()
    {
        var express = Start("server.mjs", "Express");
        var address = new Uri(await express.ListensAsync(), "answer");

        var failed = Assert.ThrowsAsync<HttpRequestException>(() => Tracer(_recorder).RunAsync("ask", _ => AskAsync(address, new { question = "dragons", fails = true })));
        await express.FlushAsync();

        Assert.That(failed.StatusCode, Is.EqualTo(HttpStatusCode.InternalServerError));
        var tree = TraceTree.Join([.. TracedRun.Of(".NET", _recorder), .. PostedRuns()]).Single();
        Assert.That(tree.ToString(), Is.EqualTo("""
            ask (.NET) ✗
              answer (Express) ✗

            """));
        Assert.That(tree["Express", "answer"].Error, Does.StartWith("Error: Nobody knows 不知道."));
        Assert.That(tree[".NET", "ask"].Error, Does.StartWith("System.Net.Http.HttpRequestException: ").And.Contains("500"));
    }

    [Test]
    public async Task Express_CalledWithATraceThatIsNotSampled_AnswersAndStartsItsOwn()
    {
        var express = Start("server.mjs", "Express");
        var address = new Uri(await express.ListensAsync(), "answer");

        var answer = await Tracer(new NothingSampled()).RunAsync("ask", run =>
        {
            Assert.That(run.ToHeaders(), Is.EqualTo(new Dictionary<string, string> { ["baggage"] = "langsmith-sampled=0" }));
            return AskAsync(address, new { question = "why?" });
        });
        await express.FlushAsync();

        // The marker is ours; the JavaScript SDK has none.
        Assert.That((string?)answer["text"], Is.EqualTo("Express has \"why?\""));
        Assert.That(TraceTree.Join(PostedRuns()).Single().ToString(), Is.EqualTo("answer (Express)\n"));
    }

    [TestCase("relay", "ask (.NET)\n  work (worker)\n", TestName = "Express_WithTracingOff_PassesTheParentOn")]
    [TestCase("answer", "ask (.NET)\n|work (worker)\n|work (worker)\n", TestName = "Express_WithTracingOffInsideATraceable_SendsNoParent")]
    public async Task Express_WithTracingOff(string path, string expected)
    {
        await using var worker = await TracedServer.StartAsync(
            static app => app.MapPost("/", static (LangSmithTracer tracer) => tracer.Run("work", static _ => new { text = "done" })),
            static options => options.Trust.FromNetworks("127.0.0.0/8", "::1/128"));
        var express = Start("server.mjs", "Express", ("LANGSMITH_TRACING", "false"));
        var address = new Uri(await express.ListensAsync(), path);

        await Tracer(_recorder).RunAsync("ask", _ => AskAsync(address, new { question = "why?", worker = worker.Origin }));
        await express.FlushAsync();

        Assert.That(PostedRuns(), Is.Empty);
        var trees = TraceTree.Join([.. TracedRun.Of(".NET", _recorder), .. TracedRun.Of("worker", worker.Recorder)]);
        Assert.That(string.Join('|', trees), Is.EqualTo(expected));
    }

    private static LangSmithTracer Tracer(IRunRecorder recorder) => new(recorder, new LangSmithOptions { Tracing = true, Project = "interop" });

    private async Task<JsonObject> AskAsync(Uri address, object question)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = JsonContent.Create(question) };
        request.Headers.TryAddWithoutValidation("baggage", "tenant=7");
        using var response = await _client.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }

    private sealed class NothingSampled : IRunRecorder
    {
        public bool ShouldRecord(Guid traceId) => false;

        public void OnStart(RunSnapshot run) => Assert.Fail("nothing is recorded");

        public void OnEnd(RunSnapshot run) => Assert.Fail("nothing is recorded");
    }
}
