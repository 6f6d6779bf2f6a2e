using System.Diagnostics;
using BenchmarkDotNet.Attributes;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// What a client without our handler pays in a process that has one: the runtime asks the subscribers of its diagnostic listener
/// about each request. In a process that nobody observes we are no subscriber, and it pays nothing.
/// </summary>
public class OtherClientBenchmarks
{
    private const string RequestActivity = "System.Net.Http.HttpRequestOut";

    private readonly HttpRequestMessage _request = new(HttpMethod.Get, Samples.Uri);
    private readonly Observer _observer = new();

    [GlobalSetup(Target = nameof(WithoutUs))]
    public void SetUpWithoutUs()
    {
        // As the runtime does with its own.
        _ = new DiagnosticListener("HttpHandlerDiagnosticListener");
        DiagnosticListener.AllListeners.Subscribe(_observer);
    }

    [GlobalSetup(Target = nameof(WithUs))]
    public void SetUpWithUs()
    {
        DiagnosticListener.AllListeners.Subscribe(_observer);
        Samples.EnterRun();
        using var http = new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler
        {
            ConnectCallback = static (_, _) => throw new InvalidOperationException("nothing is sent"),
        }));
        try
        {
            http.GetAsync(Samples.Uri).GetAwaiter().GetResult();
        }
        catch (HttpRequestException)
        {
            // From here on we are subscribed, because somebody observes the process.
        }

        TracingContext.UseParent(null);
    }

    [Benchmark(Baseline = true, Description = "an observer of some requests")]
    public bool WithoutUs() => _observer.Listener!.IsEnabled(RequestActivity, _request);

    [Benchmark(Description = "an observer of some requests, and us")]
    public bool WithUs() => _observer.Listener!.IsEnabled(RequestActivity, _request);

    private sealed class Observer : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        public DiagnosticListener? Listener { get; private set; }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name != "HttpHandlerDiagnosticListener")
                return;
            Listener = value;
            value.Subscribe(this, static (_, _, _) => false);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
