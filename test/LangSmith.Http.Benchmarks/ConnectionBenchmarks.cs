using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// Requests through the runtime's own <see cref="SocketsHttpHandler"/>, redirects on, over a connection in memory: our handler and what
/// it puts below itself, next to a client without it whose requests get two headers.
/// </summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class ConnectionBenchmarks
{
    private HttpMessageInvoker _invoker = null!;
    private DistributedContextPropagator _propagator = null!;
    private HttpRequestMessage _request = null!;
    private string[] _fields = [];
    private string _trace = null!;
    private string _baggage = null!;

    [GlobalSetup(Target = nameof(Floor))]
    public void SetUpFloor()
    {
        SetStrings();
        _invoker = new HttpMessageInvoker(MemoryConnection.CreateHandler());
    }

    [BenchmarkCategory("no activity")]
    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> Floor() => SendWithStrings(MemoryConnection.Uri);

    [GlobalSetup(Target = nameof(Handler))]
    public void SetUpHandler()
    {
        Samples.EnterRun();
        _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(MemoryConnection.CreateHandler()));
    }

    [BenchmarkCategory("no activity")]
    [Benchmark(Description = "our handler, current run")]
    public Task<HttpResponseMessage> Handler() => Send(MemoryConnection.Uri);

    [GlobalSetup(Target = nameof(FloorUnderActivity))]
    public void SetUpFloorUnderActivity()
    {
        SetUpFloor();
        new Activity("request").Start();
    }

    [BenchmarkCategory("activity")]
    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> FloorUnderActivity() => SendWithStrings(MemoryConnection.Uri);

    [GlobalSetup(Target = nameof(HandlerUnderActivity))]
    public void SetUpHandlerUnderActivity()
    {
        SetUpHandler();
        new Activity("request").Start();
    }

    [BenchmarkCategory("activity")]
    [Benchmark(Description = "our handler, current run")]
    public Task<HttpResponseMessage> HandlerUnderActivity() => Send(MemoryConnection.Uri);

    [GlobalSetup(Targets = [nameof(FloorUnderActivityWithBaggage), nameof(FloorRedirected)])]
    public void SetUpFloorUnderActivityWithBaggage()
    {
        SetUpFloor();
        StartActivityWithBaggage();
    }

    [BenchmarkCategory("activity with baggage")]
    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> FloorUnderActivityWithBaggage() => SendWithStrings(MemoryConnection.Uri);

    [GlobalSetup(Targets = [nameof(HandlerUnderActivityWithBaggage), nameof(HandlerRedirected)])]
    public void SetUpHandlerUnderActivityWithBaggage()
    {
        SetUpHandler();
        StartActivityWithBaggage();
    }

    [BenchmarkCategory("activity with baggage")]
    [Benchmark(Description = "our handler, current run")]
    public Task<HttpResponseMessage> HandlerUnderActivityWithBaggage() => Send(MemoryConnection.Uri);

    [BenchmarkCategory("activity with baggage, one redirect to the same origin")]
    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> FloorRedirected() => SendWithStrings(MemoryConnection.RedirectedUri);

    [BenchmarkCategory("activity with baggage, one redirect to the same origin")]
    [Benchmark(Description = "our handler, current run")]
    public Task<HttpResponseMessage> HandlerRedirected() => Send(MemoryConnection.RedirectedUri);

    [GlobalSetup(Target = nameof(FloorHop))]
    public void SetUpFloorHop()
    {
        SetUpFloorUnderActivity();
        SetUpHop(DistributedContextPropagator.Current, SendWithStrings);
    }

    [BenchmarkCategory("the propagator on a hop, activity")]
    [Benchmark(Baseline = true, Description = "the runtime's")]
    public void FloorHop() => InjectAsOnRedirect();

    [GlobalSetup(Target = nameof(Hop))]
    public void SetUpHop()
    {
        Samples.EnterRun();
        new Activity("request").Start();
        SetUpHopOfHandler();
    }

    [BenchmarkCategory("the propagator on a hop, activity")]
    [Benchmark(Description = "ours around it")]
    public void Hop() => InjectAsOnRedirect();

    [GlobalSetup(Target = nameof(FloorHopWithBaggage))]
    public void SetUpFloorHopWithBaggage()
    {
        SetUpFloorUnderActivityWithBaggage();
        SetUpHop(DistributedContextPropagator.Current, SendWithStrings);
    }

    [BenchmarkCategory("the propagator on a hop, activity with baggage")]
    [Benchmark(Baseline = true, Description = "the runtime's")]
    public void FloorHopWithBaggage() => InjectAsOnRedirect();

    [GlobalSetup(Target = nameof(HopWithBaggage))]
    public void SetUpHopWithBaggage()
    {
        Samples.EnterRun();
        StartActivityWithBaggage();
        SetUpHopOfHandler();
    }

    [BenchmarkCategory("the propagator on a hop, activity with baggage")]
    [Benchmark(Description = "ours around it")]
    public void HopWithBaggage() => InjectAsOnRedirect();

    private static void StartActivityWithBaggage() => new Activity("request").AddBaggage("tenant", "7").Start();

    private void SetUpHopOfHandler()
    {
        var primary = MemoryConnection.CreateHandler();
        _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(primary));
        // The first request installs the propagator.
        Send(MemoryConnection.Uri).GetAwaiter().GetResult().Dispose();
        SetUpHop(primary.ActivityHeadersPropagator!, Send);
    }

    private void SetUpHop(DistributedContextPropagator propagator, Func<Uri, Task<HttpResponseMessage>> send)
    {
        using var response = send(MemoryConnection.Uri).GetAwaiter().GetResult();
        _request = response.RequestMessage!;
        _propagator = propagator;
        _fields = [.. propagator.Fields];
    }

    // Before a redirected hop the runtime removes the propagator's fields (DiagnosticsHandler in dotnet/runtime).
    private void InjectAsOnRedirect()
    {
        foreach (var field in _fields)
            _request.Headers.Remove(field);
        _propagator.Inject(Activity.Current, _request, StubAboveSockets.SetHeader);
    }

    private Task<HttpResponseMessage> Send(Uri uri) =>
        _invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, uri), CancellationToken.None);

    private Task<HttpResponseMessage> SendWithStrings(Uri uri)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.TryAddWithoutValidation(RunContext.TraceHeaderName, _trace);
        request.Headers.TryAddWithoutValidation(RunContext.BaggageHeaderName, _baggage);
        return _invoker.SendAsync(request, CancellationToken.None);
    }

    private void SetStrings()
    {
        var headers = Samples.EnterRun().ToHeaders();
        _trace = headers[RunContext.TraceHeaderName];
        _baggage = headers[RunContext.BaggageHeaderName];
    }
}
