using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.Tests;

/// <summary>
/// Headers somebody made up, byte for byte over a socket, from a caller that is trusted and from one that is not: to the
/// server under test, and to the same one that has never heard of us.
/// </summary>
[NonParallelizable] // Counters are the process's.
public sealed partial class HostileHeadersTests
{
    private static readonly string[] OurHeaders = ["langsmith-trace", "baggage", "Correlation-Context"];

    private readonly ConcurrentQueue<View> _views = new();
    private LogLines _logs = null!;
    private TracedServer _server = null!;
    private WebApplication _plain = null!;

    [OneTimeSetUp]
    public async Task StartServers()
    {
        _logs = new LogLines();
        _server = await TracedServer.StartAsync(
            app => app.MapGet("/", Answer),
            static options => options.Trust.When(static context => ValueTask.FromResult(context.Request.Headers["X-Caller"] == "trusted")),
            kestrel: Listen,
            logs: _logs);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(Listen);
        _plain = builder.Build();
        _plain.MapGet("/", Answer);
        await _plain.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        await _server.DisposeAsync();
        await _plain.DisposeAsync();
        _logs.Dispose();
    }

    [Test]
    public async Task Request_OfEveryKind_HasNoParentOrAValidOne_AndTheAnswerOfAnUntracedServer(
        [ValueSource(typeof(HostileHeaders), nameof(HostileHeaders.All))] object hostile, [Values] bool isTrusted)
    {
        var expected = (HostileHeaders.Case)hostile;
        if (!isTrusted && expected.Reason is "continued" or "not_sampled")
            expected = new HostileHeaders.Case(expected.Name, "untrusted", null, expected.Headers);
        var request = Request(expected, isTrusted);
        _views.Clear();
        _server.Recorder.Clear();
        var linesBefore = _logs.Ours.Count;
        using var counts = new Counts();

        var plainAnswer = await SendAsync(new Uri(_plain.Urls.Single()), request);
        var answer = await SendAsync(_server.Origin, request);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Is.EqualTo(plainAnswer));
            Assert.That(answer, Does.StartWith("HTTP/1.1 203 ").And.EndsWith("\r\n\r\n7\r\nanswer\n\r\n0\r\n\r\n"));
            Assert.That(counts[$"langsmith.http.inbound:{expected.Reason}"], Is.EqualTo(1));
            AssertHeaders(_views.First(), _views.Last());
            if (isTrusted && (expected.Reason == "not_sampled" || expected.IsTooDeepForARun))
                Assert.That(_server.Recorder.Runs, Is.Empty);
            else
                AssertRun(_server.Recorder.Runs.Single(), expected);

            // The server's first untrusted caller and its first run that is too deep have lines of their own.
            var lines = _logs.Ours.Skip(linesBefore).Where(static line => line.Event.Name is not ("CallerNotTrusted" or "TooDeep")).ToArray();
            Assert.That(lines.Select(static line => line.Text), Is.EqualTo(new[] { $"LangSmith run of the caller: {expected.Reason}" }));
            Assert.That(lines.Select(static line => line.Exception), Is.All.Null);
            Assert.That(_server.Services.GetRequiredService<IOptions<LangSmithOptions>>().Value.Project, Is.EqualTo("server"));
        }
    }

    [TestCase("\0")]
    [TestCase("\u00ff\u00fe")]
    public async Task Request_WithBytesKestrelRefuses_IsRefusedAsWithoutUs(string bytes)
    {
        await using var traced = await TracedServer.StartAsync(app => app.MapGet("/", Answer));
        await using var plain = await OriginServer.StartAsync(static (_, _) => Task.CompletedTask);
        _views.Clear();
        var request = Encoding.Latin1.GetBytes($"GET / HTTP/1.1\r\nHost: localhost\r\nlangsmith-trace: a{bytes}\r\nbaggage: k=v\r\n\r\n");

        var answer = await SendAsync(traced.Origin, request);

        Assert.That(answer, Is.EqualTo(await SendAsync(plain.Origin, request)).And.StartWith("HTTP/1.1 400 "));
        Assert.That(_views, Is.Empty);
    }

    private static void AssertHeaders(View plain, View traced)
    {
        Assert.That(traced.Headers.ContainsKey("langsmith-trace"), Is.False);
        Assert.That(Others(traced), Is.EquivalentTo(Others(plain)), "other headers are as they came");
        foreach (var name in OurHeaders[1..])
        {
            var members = Members(traced.Headers.GetValueOrDefault(name)).ToArray();
            Assert.That(members.Where(static member => IsOurs(Key(member))), Is.Empty, name);
            Assert.That(members, Is.EqualTo(Members(plain.Headers.GetValueOrDefault(name)).Where(static member => !IsOurs(Key(member)))), name);
        }

        Assert.That(traced.ActivityBaggage.Where(static pair => IsOurs(pair.Key)), Is.Empty);

        static IEnumerable<KeyValuePair<string, StringValues>> Others(View view) =>
            view.Headers.Where(static header => !OurHeaders.Contains(header.Key, StringComparer.OrdinalIgnoreCase));
        static IEnumerable<string> Members(StringValues lines) =>
            lines.SelectMany(static line => line!.Split(',')).Select(static member => member.Trim(' ', '\t')).Where(static member => member.Length > 0);
        static string Key(string member) => WebUtility.UrlDecode(member.Split('=', ';')[0]);
        static bool IsOurs(string key) => key.Trim().StartsWith("langsmith-", StringComparison.OrdinalIgnoreCase);
    }

    private static void AssertRun(RunSnapshot run, HostileHeaders.Case expected)
    {
        Assert.That(run.DottedOrder, Does.StartWith(expected.Parent is null ? "" : expected.Parent + "."));
        Assert.That(run.DottedOrder, Has.Length.EqualTo(58 + (expected.Parent is null ? 0 : expected.Parent.Length + 1)));
        Assert.That(run.ParentRunId, Is.EqualTo(expected.Parent is null ? (Guid?)null : Guid.ParseExact(expected.Parent[^36..], "D")));
        Assert.That(run.TraceId, Is.EqualTo(expected.Parent is null ? run.Id : Guid.ParseExact(expected.Parent.Split('.')[0][^36..], "D")));
        Assert.That(run.Project, Is.EqualTo(expected.Address is null ? expected.Project ?? "server" : null));
        Assert.That(run.Address, Is.EqualTo(expected.Address));
        Assert.That(run.Tags, Is.EqualTo(expected.Tags));
        Assert.That(run.Metadata.ToDictionary(static pair => pair.Key, static pair => pair.Value.GetRawText()), Is.EquivalentTo(expected.Metadata));
        Assert.That(run.Name, Is.EqualTo("answer"));
        Assert.That(run.Inputs?.GetRawText(), Is.EqualTo("""{"question":"why?"}"""));
        Assert.That(run.Outputs?.GetRawText(), Is.EqualTo("""{"output":"because"}"""));
        Assert.That(run.Error, Is.Null);
        Assert.That(run.Events, Is.Empty);
    }

    private static byte[] Request(HostileHeaders.Case hostile, bool isTrusted)
    {
        Assert.That(hostile.Headers.Select(static header => header.Value), Has.Some.Contain(HostileHeaders.Mark).IgnoreCase);
        var text = new StringBuilder($"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Caller: {(isTrusted ? "trusted" : "stranger")}\r\n");
        foreach (var (name, value) in hostile.Headers)
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        return Encoding.Latin1.GetBytes(text.Append("\r\n").ToString());
    }

    private static async Task<string> SendAsync(Uri origin, byte[] request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, origin.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(request);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return Date().Replace(await reader.ReadToEndAsync(), "");
    }

    private static void Listen(KestrelServerOptions options)
    {
        options.Limits.MaxRequestHeadersTotalSize = 1 << 20;
        options.Limits.MaxRequestHeaderCount = 10_000;
        // As lenient as it gets: by default bytes that are no UTF-8 end the request.
        options.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        options.Listen(IPAddress.Loopback, 0);
    }

    [GeneratedRegex("Date: [^\r]*\r\n")]
    private static partial Regex Date();

    private async Task Answer(HttpContext context)
    {
        _views.Enqueue(new View(
            context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value, StringComparer.OrdinalIgnoreCase),
            Activity.Current?.Baggage.ToArray() ?? []));
        context.Response.StatusCode = StatusCodes.Status203NonAuthoritative;
        context.Response.Headers["X-Answer"] = "42";
        context.RequestServices.GetService<LangSmithTracer>()?.Run("answer", static _ => "because", new { question = "why?" });
        await context.Response.WriteAsync("answer\n");
    }

    private sealed record View(Dictionary<string, StringValues> Headers, KeyValuePair<string, string?>[] ActivityBaggage);
}
