using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LangSmith.Http.Interop.Tests;

/// <summary>Node → .NET → Node → .NET, many at once, with branches of which some fail.</summary>
public sealed class ChainTests : NodeTests
{
    private const int Questions = 60;

    private const string Expected = """
        ask (client)
          answer (gateway)
            ask Express (gateway)
              answer (Express)
                left (Express)
                  work (worker)
                right (Express)
                  work (worker)
            look up (gateway)

        """;

    // Express answers with the side that is left: the error stays where it belongs.
    private const string ExpectedWithError = """
        ask (client)
          answer (gateway)
            ask Express (gateway)
              answer (Express)
                left (Express)
                  work (worker)
                right (Express) ✗
                  work (worker) ✗
            look up (gateway)

        """;

    private sealed record GatewayQuestion(int Number, string Text, bool Fails);

    private sealed record WorkerQuestion(string Question, bool Fails);

    [Test]
    public async Task Chain_ManyAtOnce_IsOneExactTreeEach()
    {
        await using var worker = await TracedServer.StartAsync(static app => app.MapPost("/", Work), Trust);
        var express = Start("server.mjs", "Express");
        var expressAddress = new Uri(await express.ListensAsync(), "answer");
        var arrived = 0;
        var allArrived = new TaskCompletionSource();
        await using var gateway = await TracedServer.StartAsync(
            app => app.MapPost("/", async (GatewayQuestion question, LangSmithTracer tracer, IHttpClientFactory clients) =>
            {
                // None goes on before all are here: they really are at once.
                if (Interlocked.Increment(ref arrived) == Questions)
                    allArrived.SetResult();
                await allArrived.Task;
                return await AnswerAsync(question, tracer, clients.CreateClient("express"), expressAddress, worker.Origin);
            }),
            Trust,
            static services => services.AddHttpClient("express").AddHttpMessageHandler<LangSmithPropagationHandler>());

        var numbers = Enumerable.Range(0, Questions).ToList();
        var answers = await Start("client.mjs", "client").CompleteAsync(numbers.Select(number => JsonSerializer.Serialize(new
        {
            url = gateway.Origin,
            project = Project(number),
            tags = new[] { $"question {number}", "🎉 \"tag\"" },
            metadata = new { number, text = TextOf(number), thread_id = $"thread-{number}" },
            question = new GatewayQuestion(number, TextOf(number), IsFailing(number)),
        })));
        await express.FlushAsync();

        var runs = (TracedRun[])[.. PostedRuns(), .. TracedRun.Of("gateway", gateway.Recorder), .. TracedRun.Of("worker", worker.Recorder)];
        Assert.That(runs, Has.Length.EqualTo(Questions * 9));
        var trees = TraceTree.Join(runs).ToDictionary(static tree => tree.Root.DottedOrder);
        Assert.That(trees, Has.Count.EqualTo(Questions));
        Assert.That(answers, Has.Length.EqualTo(Questions));
        using var all = Assert.EnterMultipleScope();
        foreach (var number in numbers)
        {
            var answer = JsonNode.Parse(answers[number])!;
            var sides = answer["answer"]?["sides"]?.AsArray().Select(static side => side!.ToString());
            Assert.That(sides, Is.EqualTo(new[] { $"left of {TextOf(number)}", IsFailing(number) ? "The worker answered 500." : $"right of {TextOf(number)}" }));
            Check(trees[(string)answer["headers"]!["langsmith-trace"]!], number);
        }
    }

    private static void Check(TraceTree tree, int number)
    {
        Assert.That(tree.ToString(), Is.EqualTo(IsFailing(number) ? ExpectedWithError : Expected));
        foreach (var run in tree.Runs)
        {
            Assert.That(run.Project, Is.EqualTo(Project(number)));
            Assert.That(run.Metadata["number"], Is.EqualTo(TracedRun.ToJson(number)));
            Assert.That(run.Metadata["text"], Is.EqualTo(TracedRun.ToJson(TextOf(number))));
            Assert.That(run.Metadata["thread_id"], Is.EqualTo(TracedRun.ToJson($"thread-{number}")));
        }

        // Metadata goes down from where it was added: through Node, and through .NET.
        Assert.That(Having("gateway", TracedRun.ToJson($"gateway {number}")), Is.EquivalentTo(new[] { "gateway answer", "gateway look up", "gateway ask Express", "Express answer", "Express left", "Express right", "worker work", "worker work" }));
        Assert.That(Having("answered_by", TracedRun.ToJson("Node ✓")), Is.EquivalentTo(new[] { "Express answer", "Express left", "Express right", "worker work", "worker work" }));
        foreach (var side in (string[])["left", "right"])
        {
            var work = tree["worker", "work", side];
            Assert.That(work.Metadata["side"], Is.EqualTo(TracedRun.ToJson(side)));
            Assert.That(work.Tags, Is.EqualTo(new[] { $"{side} 👋" }));
        }

        Assert.That(tree["gateway", "answer"].Tags, Is.EqualTo(new[] { $"question {number}", "🎉 \"tag\"" }));
        if (IsFailing(number))
        {
            Assert.That(tree["worker", "work", "right"].Error, Does.StartWith($"System.InvalidOperationException: No right of {TextOf(number)}"));
            Assert.That(tree["Express", "right"].Error, Does.StartWith("Error: The worker answered 500."));
        }

        IEnumerable<string> Having(string key, string value) =>
            tree.Runs.Where(run => run.Metadata.GetValueOrDefault(key) == value).Select(static run => $"{run.Service} {run.Name}");
    }

    private static Task<JsonObject?> AnswerAsync(GatewayQuestion question, LangSmithTracer tracer, HttpClient http, Uri express, Uri worker) =>
        tracer.RunAsync("answer", async run =>
        {
            run.AddMetadata("gateway", $"gateway {question.Number}");
            tracer.Run("look up", static _ => "nothing");
            return await tracer.RunAsync("ask Express", async _ =>
            {
                using var response = await http.PostAsJsonAsync(express, new { question = question.Text, worker, question.Fails });
                response.EnsureSuccessStatusCode();
                return await response.Content.ReadFromJsonAsync<JsonObject>();
            });
        });

    private static string Work(WorkerQuestion question, LangSmithTracer tracer) => tracer.Run("work", run =>
    {
        var side = run.Metadata["side"].GetString();
        return question.Fails ? throw new InvalidOperationException($"No {side} of {question.Question}") : JsonSerializer.Serialize($"{side} of {question.Question}");
    });

    private static void Trust(LangSmithInboundOptions options) => options.Trust.FromNetworks("127.0.0.0/8", "::1/128");

    private static string TextOf(int number) => $"{number}: {Texts[number % Texts.Length]}";

    private static string Project(int number) => $"project {number % 3}, \"プロジェクト\" ✨";

    private static bool IsFailing(int number) => number % 5 == 4;
}
