using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A Node program calls ASP.NET Core with <c>traceable</c> and <c>toHeaders</c>; our middleware continues.</summary>
public sealed class NodeToDotNetTests : NodeTests
{
    private sealed record Question(string Text, bool Fails);

    [Test]
    public async Task AspNetCore_CalledWithToHeaders_ContinuesTheRun()
    {
        await using var server = await StartServerAsync();

        var answers = await AskAsync(server, Texts.Select(static text => new
        {
            project = $"project {text}",
            tags = new[] { "first", WithoutComma(text) },
            metadata = new { text, nested = new { number = 1.5, list = new object?[] { 1, null, true, text } } },
            foreign = "tenant=7;p=1",
            question = new { text, fails = false },
        }));

        var trees = TraceTree.Join([.. PostedRuns(), .. TracedRun.Of(".NET", server.Recorder)]).ToDictionary(static tree => tree.Root.DottedOrder);
        Assert.That(trees, Has.Count.EqualTo(Texts.Length));
        using var all = Assert.EnterMultipleScope();
        foreach (var (text, answer) in Texts.Zip(answers))
        {
            Assert.That((string?)answer["answer"]?["text"], Is.EqualTo($".NET has \"{text}\""));
            Assert.That((string?)answer["answer"]?["left"], Is.EqualTo(":tenant=7;p=1"), "ours is read and taken out, what is foreign stays");
            var tree = trees[(string)answer["headers"]!["langsmith-trace"]!];
            Assert.That(tree.ToString(), Is.EqualTo("""
                ask (Node)
                  answer (.NET)
                    look up (.NET)

                """));
            var ask = tree["Node", "ask"];
            Assert.That(ask.Metadata["text"], Is.EqualTo(TracedRun.ToJson(text)));
            foreach (var run in tree.Runs)
            {
                Assert.That(run.Project, Is.EqualTo($"project {text}"));
                Assert.That(run.Metadata["text"], Is.EqualTo(ask.Metadata["text"]));
                Assert.That(run.Metadata["nested"], Is.EqualTo(ask.Metadata["nested"]));
            }

            Assert.That(tree[".NET", "answer"].Tags, Is.EqualTo(new[] { "first", WithoutComma(text) }), "tags come down from another service");
            Assert.That(tree[".NET", "look up"].Tags, Is.Empty, "and not from a run of this one");
        }
    }

    [Test]
    public async Task AspNetCore_Fails_TheErrorIsOnTheRunsItWentThrough()
    {
        await using var server = await StartServerAsync();

        var answer = (await AskAsync(server, [new { question = new { text = "dragons", fails = true } }])).Single();

        Assert.That((string?)answer["error"], Is.EqualTo("The service answered 500."));
        var tree = TraceTree.Join([.. PostedRuns(), .. TracedRun.Of(".NET", server.Recorder)]).Single();
        Assert.That(tree.ToString(), Is.EqualTo("""
            ask (Node) ✗
              answer (.NET) ✗
                look up (.NET)

            """));
        Assert.That(tree[".NET", "answer"].Error, Does.StartWith("System.InvalidOperationException: Nobody knows 不知道."));
    }

    [Test]
    public async Task AspNetCore_ThatDoesNotTrustNode_StartsItsOwnTrace()
    {
        await using var server = await StartServerAsync(static trust => trust.Nobody());

        await AskAsync(server, [new { question = new { text = "why?", fails = false } }]);

        var trees = TraceTree.Join([.. PostedRuns(), .. TracedRun.Of(".NET", server.Recorder)]);
        Assert.That(trees.Select(static tree => tree.ToString()), Is.EqualTo(new[] { "ask (Node)\n", "answer (.NET)\n  look up (.NET)\n" }));
    }

    [Test]
    public async Task AspNetCore_CalledByNodeWithTracingOff_StartsItsOwnTrace()
    {
        await using var server = await StartServerAsync();

        var answer = (await AskAsync(server, [new { question = new { text = "why?", fails = false } }], ("LANGSMITH_TRACING", "false"))).Single();

        Assert.That(answer["headers"]!.AsObject(), Is.Empty);
        Assert.That(PostedRuns(), Is.Empty);
        Assert.That(TraceTree.Join(TracedRun.Of(".NET", server.Recorder)).Single().ToString(), Is.EqualTo("answer (.NET)\n  look up (.NET)\n"));
    }

    [Test]
    public async Task AspNetCore_CalledByNodeThatSampledTheTraceOut_ContinuesWhatTheHeadersSay()
    {
        await using var server = await StartServerAsync();

        var answer = (await AskAsync(server, [new { question = new { text = "why?", fails = false } }], ("LANGSMITH_TRACING_SAMPLING_RATE", "0"))).Single();

        // The JavaScript SDK sends the headers of runs it does not post, and nothing that tells.
        Assert.That(PostedRuns(), Is.Empty);
        var run = server.Recorder.Runs.Single(static run => run.Name == "answer");
        Assert.That(run.DottedOrder, Does.StartWith((string)answer["headers"]!["langsmith-trace"]! + "."));
    }

    private static Task<TracedServer> StartServerAsync(Action<InboundTrust>? trust = null) => TracedServer.StartAsync(
        static app => app.MapPost("/", static (Question question, HttpRequest request, LangSmithTracer tracer) => tracer.Run("answer", _ =>
        {
            var left = $"{request.Headers["langsmith-trace"]}:{request.Headers["baggage"]}";
            var text = tracer.Run("look up", _ => $".NET has \"{question.Text}\"");
            return question.Fails ? throw new InvalidOperationException("Nobody knows 不知道.") : new { text, left };
        })),
        options => (trust ?? (static trust => trust.FromNetworks("127.0.0.0/8", "::1/128")))(options.Trust));

    private async Task<JsonObject[]> AskAsync(TracedServer server, IEnumerable<object> questions, params (string Name, string Value)[] environment)
    {
        var lines = questions.Select(question =>
        {
            var line = JsonSerializer.SerializeToNode(question)!;
            line["url"] = server.Origin.ToString();
            return line.ToJsonString();
        });
        var answers = await Start("client.mjs", "Node", environment).CompleteAsync(lines);
        return [.. answers.Select(static answer => JsonNode.Parse(answer)!.AsObject())];
    }
}
