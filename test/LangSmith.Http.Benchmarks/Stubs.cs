using System.Diagnostics;
using System.Net;

namespace LangSmith.Http.Benchmarks;

/// <summary>A primary handler without a network: what is measured is what lies above it.</summary>
internal sealed class StubPrimary : HttpMessageHandler
{
    private readonly HttpResponseMessage _response = new(HttpStatusCode.OK);
    private readonly Task<HttpResponseMessage> _completed;

    internal StubPrimary() => _completed = Task.FromResult(_response);

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => _response;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => _completed;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _response.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>A primary handler whose response is not there yet when it returns.</summary>
internal sealed class PendingPrimary : HttpMessageHandler
{
    private readonly HttpResponseMessage _response = new(HttpStatusCode.OK);
    private TaskCompletionSource<HttpResponseMessage> _pending = new();

    internal void Complete() => _pending.SetResult(_response);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        _pending = new TaskCompletionSource<HttpResponseMessage>();
        return _pending.Task;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _response.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>
/// Answers instead of the <see cref="SocketsHttpHandler"/> below it, which our handler still finds. Where there is a
/// propagator it is called as the runtime does.
/// </summary>
internal sealed class StubAboveSockets : DelegatingHandler
{
    private readonly HttpResponseMessage _response = new(HttpStatusCode.OK);
    private readonly Task<HttpResponseMessage> _completed;

    internal StubAboveSockets(DistributedContextPropagator? propagator = null)
        : base(new SocketsHttpHandler())
    {
        Propagator = propagator;
        _completed = Task.FromResult(_response);
    }

    internal DistributedContextPropagator? Propagator { get; set; }

    internal static void SetHeader(object? carrier, string name, string value)
    {
        // The runtime leaves a header alone that is there.
        if (carrier is HttpRequestMessage request && !request.Headers.NonValidated.Contains(name))
            request.Headers.TryAddWithoutValidation(name, value);
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Propagator?.Inject(Activity.Current, request, SetHeader);
        return _completed;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _response.Dispose();
        base.Dispose(disposing);
    }
}
