using System.Diagnostics;
using BenchmarkDotNet.Attributes;

namespace LangSmith.Http.Benchmarks;

/// <summary>The handler where redirects are followed: each message is tracked, and written again on each hop.</summary>
public class TrackedHandlerBenchmarks
{
    private static readonly ClientPropagation Client = new(PropagationPolicy.Default);

    private static readonly TransportInfo Transport = TransportInfo.Install(new LangSmithPropagationHandler(new SocketsHttpHandler()), Client);

    private HttpMessageInvoker _invoker = null!;
    private RedirectAwarePropagator _propagator = null!;
    private HttpRequestMessage _tracked = null!;
    private string _trace = null!;
    private string _baggage = null!;

    [GlobalSetup(Target = nameof(Floor))]
    public void SetUpFloor()
    {
        SetStrings();
        _invoker = new HttpMessageInvoker(new StubAboveSockets());
    }

    [GlobalSetup(Target = nameof(Tracked))]
    public void SetUpTracked()
    {
        Samples.EnterRun();
        _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new StubAboveSockets()));
    }

    [GlobalSetup(Target = nameof(FloorUnderActivity))]
    public void SetUpFloorUnderActivity()
    {
        SetStrings();
        new Activity("request").Start();
        _invoker = new HttpMessageInvoker(new StubAboveSockets(DistributedContextPropagator.Current));
    }

    [GlobalSetup(Target = nameof(TrackedUnderActivity))]
    public void SetUpTrackedUnderActivity()
    {
        Samples.EnterRun();
        new Activity("request").Start();
        var primary = new StubAboveSockets(new RedirectAwarePropagator(new SentBaggage(DistributedContextPropagator.Current), Client));
        _invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new RedirectTrackingHandler(primary, Transport, Client)));
    }

    [GlobalSetup(Target = nameof(Hop))]
    public void SetUpHop()
    {
        Samples.EnterRun();
        _propagator = new RedirectAwarePropagator(new SentBaggage(DistributedContextPropagator.CreateNoOutputPropagator()), Client);
        _tracked = new HttpRequestMessage(HttpMethod.Get, Samples.Uri);
        using var invoker = new HttpMessageInvoker(new LangSmithPropagationHandler(new StubAboveSockets()));
        invoker.SendAsync(_tracked, CancellationToken.None).GetAwaiter().GetResult();
    }

    [Benchmark(Baseline = true, Description = "floor: two TryAddWithoutValidation")]
    public Task<HttpResponseMessage> Floor() => SendWithStrings();

    [Benchmark(Description = "our handler, current run, redirects on")]
    public Task<HttpResponseMessage> Tracked() => Send();

    [Benchmark(Description = "floor + the runtime's propagator, under an activity")]
    public Task<HttpResponseMessage> FloorUnderActivity() => SendWithStrings();

    [Benchmark(Description = "our handler + one hop, under an activity")]
    public Task<HttpResponseMessage> TrackedUnderActivity() => Send();

    [GlobalSetup(Target = nameof(FloorUnderActivityWithBaggage))]
    public void SetUpFloorUnderActivityWithBaggage()
    {
        SetUpFloorUnderActivity();
        Activity.Current!.AddBaggage("tenant", "7");
    }

    [Benchmark(Description = "floor + the runtime's propagator, under an activity with baggage")]
    public Task<HttpResponseMessage> FloorUnderActivityWithBaggage() => SendWithStrings();

    [GlobalSetup(Target = nameof(TrackedUnderActivityWithBaggage))]
    public void SetUpTrackedUnderActivityWithBaggage()
    {
        SetUpTrackedUnderActivity();
        Activity.Current!.AddBaggage("tenant", "7");
    }

    [Benchmark(Description = "our handler + one hop, under an activity with baggage")]
    public Task<HttpResponseMessage> TrackedUnderActivityWithBaggage() => Send();

    [Benchmark(Description = "one hop: RedirectAwarePropagator.Inject")]
    public void Hop() => _propagator.Inject(null, _tracked, StubAboveSockets.SetHeader);

    [Benchmark(Description = "the private Activity: start, dispose")]
    public void PrivateActivity()
    {
        using var activity = PropagatorActivation.Enter(Transport);
    }

    private Task<HttpResponseMessage> Send() =>
        _invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, Samples.Uri), CancellationToken.None);

    private Task<HttpResponseMessage> SendWithStrings()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Samples.Uri);
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
