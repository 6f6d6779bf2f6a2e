using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>Foreign members keep their bytes, whoever adds them and when; what is signed is what is sent.</summary>
public sealed class ForeignMembersTests : TwoOrigins
{
    private static readonly byte[] Key = "secret"u8.ToArray();

    [Test]
    public async Task Send_HandlerBelowAddsItsMemberOnce_ItIsKeptOnEveryAttemptAndHop(
        [Values] bool isRetriedAbove, [Values] bool followsRedirects, [Values] bool hasActivity, [Values] bool isHttpClientHandler)
    {
        using var activity = hasActivity ? new Activity("request").AddBaggage("tenant", "7").Start() : null;
        using var scope = Tracer.StartRun("ask");
        HttpMessageHandler primary = isHttpClientHandler
            ? new HttpClientHandler { AllowAutoRedirect = followsRedirects }
            : new SocketsHttpHandler { AllowAutoRedirect = followsRedirects };
        HttpMessageHandler handler = new EditingHandler(AddCorrelationId) { InnerHandler = primary };
        handler = isRetriedAbove
            ? new RetryHandler { InnerHandler = new LangSmithPropagationHandler(handler) }
            : new LangSmithPropagationHandler(new RetryHandler { InnerHandler = handler });

        var retried = await SendAsync(handler, "/unavailable");
        var redirected = await SendAsync(handler, "/redirect-other");

        string[] expected = hasActivity ? ["corr=1", "langsmith-project=own", "tenant=7"] : ["corr=1", "langsmith-project=own"];
        Assert.That(retried.Select(static request => request["baggage"].ToString().Split(',').Order()), Is.EqualTo(Enumerable.Repeat(expected, 3)));
        if (followsRedirects)
            Assert.That(redirected[1]["baggage"].ToString().Split(',').Order(), Is.EqualTo(expected.Where(static member => member != "langsmith-project=own")));
    }

    [Test]
    public async Task Send_HandlerBelowRemovesAMember_ItStaysRemoved()
    {
        using var scope = Tracer.StartRun("ask");
        var below = new EditingHandler(static line => line.Replace(",userId=alice", "", StringComparison.Ordinal)) { InnerHandler = new SocketsHttpHandler() };
        var received = await SendAsync(
            new RetryHandler { InnerHandler = new LangSmithPropagationHandler(below) },
            "/unavailable",
            prepare: static request => request.Headers.TryAddWithoutValidation("baggage", "userId=alice,b=1"));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Has.All.EqualTo("langsmith-project=own,b=1"));
    }

    [Test]
    public async Task Send_HandlerAboveAddsItsMembersOnEachAttempt_ExactDuplicatesAreSentOnce([Values] bool followsRedirects)
    {
        using var scope = Tracer.StartRun("ask");
        var ours = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = followsRedirects });
        var adding = new EditingHandler(static line => line.Length == 0 ? "s=1,t=2" : line + ",s=1,t=2") { InnerHandler = ours };
        var received = await SendAsync(new RetryHandler { InnerHandler = adding }, "/unavailable");
        Assert.That(received, Has.Length.EqualTo(3));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Has.All.EqualTo("langsmith-project=own,s=1,t=2"));
    }

    [Test]
    public async Task Send_ActivityBaggageChangesBetweenAttempts_TheNewValueIsSent([Values] bool followsRedirects)
    {
        using var scope = Tracer.StartRun("ask");
        using var handler = new LangSmithPropagationHandler(new SocketsHttpHandler { AllowAutoRedirect = followsRedirects });
        using var invoker = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, $"/ok?case=changes-{followsRedirects}"));
        foreach (var tenant in new[] { "7", "8" })
        {
            using var activity = new Activity("attempt").AddBaggage("tenant", tenant).Start();
            (await invoker.SendAsync(request, default)).Dispose();
        }

        Assert.That(First.Received($"changes-{followsRedirects}").Select(static received => received["baggage"].ToString()), Is.EqualTo(new[]
        {
            "langsmith-project=own,tenant=7",
            "langsmith-project=own,tenant=8",
        }));
    }

    [Test]
    public async Task Send_SigningHandlerBelow_TheLineThatWasSignedArrives(
        [Values] bool followsRedirects, [Values] bool isHttpClientHandler, [Values] bool hasEditor, [Values("/signed", "/signed-unavailable")] string path)
    {
        using var activity = new Activity("request").AddBaggage("tenant", "7").Start();
        using var scope = Tracer.StartRun("ask");
        HttpMessageHandler primary = isHttpClientHandler
            ? new HttpClientHandler { AllowAutoRedirect = followsRedirects }
            : new SocketsHttpHandler { AllowAutoRedirect = followsRedirects };
        HttpMessageHandler signing = new SigningHandler { InnerHandler = primary };
        if (hasEditor)
            signing = new EditingHandler(AddCorrelationId) { InnerHandler = signing };

        var received = await SendAsync(
            new RetryHandler { InnerHandler = new LangSmithPropagationHandler(signing) },
            path,
            prepare: static request => request.Headers.TryAddWithoutValidation("baggage", "userId=alice;p=1, b=2"));

        Assert.That(received, Has.Length.EqualTo(path == "/signed" ? 1 : 3));
        Assert.That(received.Select(static request => Sign(request["langsmith-trace"].ToString(), request["baggage"].ToString())), Is.EqualTo(received.Select(static request => request["x-signature"].ToString())));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Has.All.Contain("userId=alice;p=1").And.All.Contain("tenant=7"));
    }

    [TestCase("userId=100%", "userId=100%25")]
    [TestCase("x=%FF", "x=%25FF")]
    [TestCase("y=%zz", "y=%25zz")]
    [TestCase("z=%E2%82", "z=%25E2%2582")]
    [TestCase("o=%C0%AF", "o=%25C0%25AF")]
    [TestCase("s=%ED%A0%80", "s=%25ED%25A0%2580")]
    [TestCase("h=%a", "h=%25a")]
    [TestCase("m=%20%E2%82%AC%,n=1;p=50%", "m=%20%E2%82%AC%25,n=1;p=50%")]
    [TestCase("k%=1;p=%zz", "k%=1;p=%zz")]
    [TestCase("f=1;flag%", "f=1;flag%25")]
    [TestCase("%", "%")]
    [TestCase("a=b=%zz", "a=b=%25zz")]
    public async Task Send_ForeignValueThatJavaScriptCannotDecode_ItsPercentIsEscapedOnce(string sent, string arrives)
    {
        using var scope = Tracer.StartRun("ask");
        using var counts = new Counts();
        var received = await SendAsync(
            new RetryHandler { InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler()) },
            "/unavailable",
            prepare: request => request.Headers.TryAddWithoutValidation("baggage", sent));
        Assert.That(received.Select(static request => request["baggage"].ToString()), Is.EqualTo(Enumerable.Repeat("langsmith-project=own," + arrives, 3)));
        Assert.That(counts["langsmith.http.outbound.escaped"], Is.EqualTo(sent == arrives ? 0 : 1));
    }

    [Test]
    public void Inject_AnyForeignValue_JavaScriptDecodesWhatArrives()
    {
        var values = Gen.Elements("%", "%%", "%2", "%25", "%E2%82%AC", "%E2%82", "%F0%9F%98%80", "%F4%90%80%80", "%C1%81", "%ED%BF%BF", "a", "é", "zz").ArrayOf();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(values.ToArbitrary(), static parts =>
        {
            var value = string.Concat(parts);
            var carrier = new Dictionary<string, string> { ["baggage"] = $"k={value},ok=%20" };
            using var scope = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" }).StartRun("ask");

            Inject();
            var once = carrier["baggage"];
            Inject();

            var arrived = once.Split(',')[1]["k=".Length..];
            return once == carrier["baggage"] && Decodes(arrived) && (arrived == value || !Decodes(value));

            void Inject() => scope.Run.Context.Inject(
                carrier, static (to, name, text) => to[name] = text, static (from, name) => from.TryGetValue(name, out var text) ? [text] : null);
        }));
    }

    private protected override Task Respond(HttpContext context, IReadOnlyCollection<ReceivedRequest> received)
    {
        if (context.Request.Path == "/signed-unavailable")
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        }

        return base.Respond(context, received);
    }

    private static string AddCorrelationId(string line) => line.Contains("corr=", StringComparison.Ordinal) ? line : line + ",corr=1";

    private static string Sign(string trace, string baggage) => Convert.ToHexString(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes($"{trace}\n{baggage}")));

    // decodeURIComponent as ECMA-262 describes it, 19.2.6.5.
    private static bool Decodes(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
                continue;
            if (ReadByte(text, i) is not { } first)
                return false;
            i += 2;
            if (first < 0x80)
                continue;
            var length = first switch { >= 0xC0 and < 0xE0 => 2, >= 0xE0 and < 0xF0 => 3, >= 0xF0 and < 0xF8 => 4, _ => 0 };
            if (length == 0)
                return false;
            var point = first & (0x7F >> length);
            for (var rest = 1; rest < length; rest++)
            {
                if (ReadByte(text, i + 1) is not { } next || (next & 0xC0) != 0x80)
                    return false;
                point = (point << 6) | (next & 0x3F);
                i += 3;
            }

            var minimum = length switch { 2 => 0x80, 3 => 0x800, _ => 0x10000 };
            if (point < minimum || point > 0x10FFFF || point is >= 0xD800 and <= 0xDFFF)
                return false;
        }

        return true;
    }

    private static int? ReadByte(string text, int at) =>
        at + 2 < text.Length && text[at] == '%' && char.IsAsciiHexDigit(text[at + 1]) && char.IsAsciiHexDigit(text[at + 2])
            ? Convert.ToInt32(text.Substring(at + 1, 2), 16)
            : null;

    /// <summary>Rewrites the line of <c>baggage</c>.</summary>
    private sealed class EditingHandler(Func<string, string> edit) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var line = request.Headers.NonValidated.TryGetValues("baggage", out var values) ? values.ToString() : "";
            request.Headers.Remove("baggage");
            request.Headers.TryAddWithoutValidation("baggage", edit(line));
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class SigningHandler : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Remove("x-signature");
            request.Headers.Add("x-signature", Sign(
                request.Headers.NonValidated["langsmith-trace"].ToString(), request.Headers.NonValidated["baggage"].ToString()));
            return base.SendAsync(request, cancellationToken);
        }
    }
}
