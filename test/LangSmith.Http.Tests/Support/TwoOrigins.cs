using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Tests;

/// <summary>Tests that send through chains of their own to one of two real servers.</summary>
[NonParallelizable] // Activity and diagnostic listeners are the process's.
public abstract class TwoOrigins
{
    private int _cases;

    private protected LangSmithTracer Tracer { get; } = new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "own" });

    private protected OriginServer First { get; private set; } = null!;

    private protected OriginServer Other { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartServers()
    {
        Other = await OriginServer.StartAsync(Respond);
        First = await OriginServer.StartAsync(Respond);
    }

    [OneTimeTearDown]
    public async Task StopServers()
    {
        await First.DisposeAsync();
        await Other.DisposeAsync();
    }

    /// <summary>Sends one message, to the first server unless said otherwise; returns what the first and then the other received.</summary>
    private protected async Task<ReceivedRequest[]> SendAsync(
        HttpMessageHandler handler, string path, Uri? origin = null, Action<HttpRequestMessage>? prepare = null, bool isAsync = true)
    {
        var caseId = $"{Interlocked.Increment(ref _cases)}";
        using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(origin ?? First.Origin, $"{path}?case={caseId}"));
        prepare?.Invoke(request);
        using var response = isAsync ? await invoker.SendAsync(request, default) : invoker.Send(request, default);
        return [.. First.Received(caseId), .. Other.Received(caseId)];
    }

    private protected virtual Task Respond(HttpContext context, IReadOnlyCollection<ReceivedRequest> received)
    {
        var (status, to) = context.Request.Path.Value switch
        {
            "/unavailable" => (503, null),
            "/redirect-other" => (307, new Uri(Other.Origin, "/ok")),
            "/redirect-third" => (307, new Uri($"http://localhost:{Other.Origin.Port}/ok")),
            "/redirect-other-unavailable" => (307, new Uri(Other.Origin, "/unavailable")),
            "/away-and-back" => (307, new Uri(Other.Origin, "/back")),
            "/back" => (307, new Uri(First.Origin, "/ok")),
            _ => (200, (Uri?)null),
        };
        context.Response.StatusCode = status;
        if (to is not null)
            context.Response.Headers.Location = to.ToString() + context.Request.QueryString;
        return Task.CompletedTask;
    }
}
