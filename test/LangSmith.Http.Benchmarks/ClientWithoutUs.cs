using System.Diagnostics;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// A client without our handler in a process that has another client with it; its requests go over a connection in memory. What a
/// tracked request leaves behind stays for the rest of the process.
/// </summary>
internal sealed class ClientWithoutUs : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
{
    /// <summary>Who listens to <c>System.Net.Http</c> while requests are measured.</summary>
    internal static readonly string[] Listeners = [Nobody, SamplesNone, SamplesAll, WantsNone];

    private const string Nobody = "nobody listens";
    private const string SamplesNone = "a listener that samples none";
    private const string SamplesAll = "a listener that samples all";
    private const string WantsNone = "an observer that wants none";

    private readonly HttpMessageInvoker _invoker = new(MemoryConnection.CreateHandler());
    private readonly IDisposable? _subscription;

    internal ClientWithoutUs(string listener) => _subscription = listener switch
    {
        SamplesNone => Listen(ActivitySamplingResult.None),
        SamplesAll => Listen(ActivitySamplingResult.AllDataAndRecorded),
        WantsNone => DiagnosticListener.AllListeners.Subscribe(this),
        _ => null,
    };

    /// <summary>Sends a tracked request while <c>System.Net.Http</c> has a listener, and waits for its response.</summary>
    internal static void SendTracked(string listener)
    {
        using var activities = listener == Nobody ? Listen(ActivitySamplingResult.None) : null;
        // The run stays on the thread.
        var thread = new Thread(static () =>
        {
            Samples.EnterRun();
            using var http = new HttpClient(new LangSmithPropagationHandler(MemoryConnection.CreateHandler()));
            http.GetAsync(MemoryConnection.Uri).GetAwaiter().GetResult().Dispose();
        });
        thread.UnsafeStart();
        thread.Join();
    }

    internal Task<HttpResponseMessage> Send() =>
        _invoker.SendAsync(new HttpRequestMessage(HttpMethod.Get, MemoryConnection.Uri), CancellationToken.None);

    public void Dispose()
    {
        _subscription?.Dispose();
        _invoker.Dispose();
    }

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "HttpHandlerDiagnosticListener")
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

    private static ActivityListener Listen(ActivitySamplingResult result)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => result,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
