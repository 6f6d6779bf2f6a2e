using System.Net;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Interop.Tests;

/// <summary>
/// A TypeScript service behind the Gateway example, whose callers may send any baggage. The service does not catch what the npm
/// SDK's <c>fromHeaders</c> throws.
/// </summary>
/// <remarks>
/// The SDK splits the line on <c>,</c> and each member on <c>=</c>. It passes the second part to <c>decodeURIComponent</c>: the text
/// between the first and the second <c>=</c>, properties included (<c>Baggage.fromHeader</c> in <c>lib/run_trees.js</c>, 0.12.0).
/// </remarks>
public sealed class GatewayTests
{
    private const string Good = "ok=a%20b;prop=1,key=v1;p1;p2=x%3Dy,k=%E2%82%AC";

    // What the caller sends, and what the service is to receive.
    private static readonly (string Sent, string Arrives)[] Members =
    [
        // A percent sign that starts no byte.
        ("userId=100%", "userId=100%25"),
        ("d=%", "d=%25"),
        ("e=%2", "e=%252"),
        ("y=%zz", "y=%25zz"),
        ("y=%4g%41", "y=%254g%41"),
        ("n=%%41", "n=%25%41"),

        // Bytes that are not UTF-8: no such byte, truncated, overlong, a surrogate, beyond U+10FFFF, a continuation on its own.
        ("x=%FF", "x=%25FF"),
        ("a=%E2%82", "a=%25E2%2582"),
        ("a=%E2%82x", "a=%25E2%2582x"),
        ("a=%E2%82%AC%E2%82", "a=%E2%82%AC%25E2%2582"),
        ("b=%C0%AF", "b=%25C0%25AF"),
        ("b=%E0%80%AF", "b=%25E0%2580%25AF"),
        ("c=%ED%A0%80", "c=%25ED%25A0%2580"),
        ("j=%F4%90%80%80", "j=%25F4%2590%2580%2580"),
        ("m=%80", "m=%2580"),

        // A value with '='. The SDK decodes only what is before that, other readers all of it.
        ("h==%", "h==%25"),
        ("h=b=c%", "h=b=c%25"),
        ("o=%E2=%82%AC", "o=%25E2=%2582%25AC"),

        // Properties are decoded up to the second '='.
        ("f=1;p%", "f=1;p%25"),
        ("f=1;%=2", "f=1;%25=2"),
        ("f=1;p;q%FF=2", "f=1;p;q%25FF=2"),

        // The SDK does not decode these, so they keep their bytes.
        ("g=1;p=50%", "g=1;p=50%"),
        ("i%=1", "i%=1"),
        ("i%FF", "i%FF"),
        ("novalue", "novalue"),
        ("novalue;p%", "novalue;p%"),
        ("=v", "=v"),
        ("=", "="),
        ("%", "%"),

        // Repaired by an earlier gateway.
        ("userId=100%25", "userId=100%25"),
        ("x=%25FF", "x=%25FF"),
        ("z=%00%7f%e2%82%ac", "z=%00%7f%e2%82%ac"),

        // Blanks, and members that are empty.
        ("l = %", "l = %25"),
        (" \t s=1 \t ", "s=1"),
        (",,, ,", ""),

        // LangSmith's own members, sent by an outsider. The SDK throws at some of them.
        ("langsmith-project=%FF", ""),
        ("langsmith-metadata", ""),
        ("langsmith-metadata=", ""),
        ("langsmith-metadata;p=%7B", ""),
        ("langsmith-replicas=%7B%7D", ""),
        ("langsmith-project", ""),
        ("LangSmith-Project=forged", ""),
    ];

    private LangSmithCollector _collector = null!;
    private NodeProgram _service = null!;
    private GatewayProgram _gateway = null!;
    private HttpClient _outsider = null!;
    private int _requests;

    private static IEnumerable<string> Sent => Members.Select(static member => member.Sent);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        await NodePackages.RequireAsync();
        _collector = await LangSmithCollector.StartAsync();
        _service = NodeProgram.Start("server.mjs", _collector.Endpoint, ("LANGSMITH_PROJECT", "Express"));
        (_gateway, var address) = await GatewayProgram.StartAsync(await _service.ListensAsync(), _collector.Endpoint);
        _outsider = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _outsider?.Dispose();
        if (_gateway is not null)
            await _gateway.DisposeAsync();
        if (_service is not null)
            await _service.DisposeAsync();
        if (_collector is not null)
            await _collector.DisposeAsync();
    }

    [TestCaseSource(nameof(Sent))]
    public async Task Express_CallerSendsOddMember_Answers200(string sent)
    {
        var arrives = Members.First(member => member.Sent == sent).Arrives;

        var answer = await AskAsync($"{Good},{sent},last=1");

        AssertArrived(answer, $"{Good},{(arrives.Length == 0 ? "" : arrives + ",")}last=1");
    }

    [Test]
    public async Task Express_CallerSendsAllOddMembersAtOnce_Answers200()
    {
        var distinct = Members.Select(static member => member.Arrives).Where(static member => member.Length > 0).Distinct();

        var answer = await AskAsync(string.Join(" , ", Sent.Prepend(Good)));

        AssertArrived(answer, string.Join(',', distinct.Prepend(Good)));
    }

    [Test]
    public async Task Express_CallerSendsTwoLines_Answers200()
    {
        var answer = await AskAsync($"userId=100%, {Good}", "x=%FF ,y=1");

        AssertArrived(answer, $"userId=100%25,{Good},x=%25FF,y=1");
    }

    [Test]
    public async Task Express_CallerSendsManyOddMembers_Answers200()
    {
        var numbers = Enumerable.Range(0, 60).ToList();

        var answer = await AskAsync(string.Join(',', numbers.Select(static number => $"m{number}=%{number:x2}%FF")));

        AssertArrived(answer, string.Join(',', numbers.Select(static number => $"m{number}=%{number:x2}%25FF")));
    }

    [Test]
    public async Task Express_CallerSendsOddBaggage_ContinuesTheGatewaysTrace()
    {
        var answer = await AskAsync($"userId=100%,{Good},x=%FF,f=1;p%");

        AssertArrived(answer, $"userId=100%25,{Good},x=%25FF,f=1;p%25");
        await _service.FlushAsync();
        var root = answer["parent"]!["id"]!.GetValue<Guid>();
        var trace = await WaitForTraceAsync(root);
        using var all = Assert.EnterMultipleScope();
        Assert.That(trace.Root?.Service, Is.EqualTo("gateway"));
        Assert.That(trace.Runs, Has.Count.EqualTo(2));
        var run = trace.Named("answer").Single();
        Assert.That(run.ParentRunId, Is.EqualTo(root));
        Assert.That(run.DottedOrder, Does.StartWith($"{trace.Root?.DottedOrder}."));
        Assert.That(trace.Projects, Is.EqualTo(new[] { "edge" }));
        Assert.That(trace.Problems, Is.Empty);
    }

    // The gateway posts in the background.
    private async Task<CollectedTrace> WaitForTraceAsync(Guid root)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            if (_collector.Traces.FirstOrDefault(trace => trace.Id == root) is { Root.EndTime: not null, Runs.Count: > 1 } trace)
                return trace;
            await Task.Delay(20, deadline.Token);
        }
    }

    private async Task<JsonObject> AskAsync(params string[] baggage)
    {
        var topic = $"topic{Interlocked.Increment(ref _requests)}";
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/answers/{topic}");
        foreach (var line in baggage)
            request.Headers.TryAddWithoutValidation("baggage", line);

        using var response = await _outsider.SendAsync(request);

        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{text} {_gateway.Errors} {_service.Errors}");
        var answer = JsonNode.Parse(text)!.AsObject();
        Assert.That((string?)answer["text"], Is.EqualTo($"Express has \"{topic}\""));
        return answer;
    }

    private static void AssertArrived(JsonObject answer, string foreign)
    {
        using var all = Assert.EnterMultipleScope();
        Assert.That((string?)answer["baggage"], Is.EqualTo($"langsmith-project=edge,{foreign}"));
        var trace = (string?)answer["trace"];
        var parent = answer["parent"]!;
        Assert.That((string?)parent["dotted_order"], Is.EqualTo(trace));
        Assert.That(trace, Does.EndWith($"Z{parent["id"]}").And.Not.Contain('.'));
        Assert.That((string?)parent["trace_id"], Is.EqualTo((string?)parent["id"]));
        Assert.That((string?)parent["project"], Is.EqualTo("edge"));
        Assert.That(parent["metadata"]!.AsObject(), Is.Empty);
        Assert.That(parent["tags"]!.AsArray(), Is.Empty);
    }
}
