using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Outbound.Redirects;
using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>
/// Puts the current run's headers, <c>langsmith-trace</c> and <c>baggage</c>, on every request of a client, so that the
/// next service continues the same trace.
/// </summary>
/// <remarks>
/// <para>The headers carry run ids, the project, tags and metadata. <b>Use
/// <see cref="LangSmithPropagationOptions.Targets"/> on clients that leave your network.</b></para>
/// <para>Put it on a client with <c>AddHttpMessageHandler&lt;LangSmithPropagationHandler&gt;()</c> or
/// <c>AddLangSmithPropagation()</c>, anywhere in the chain: above or below a retry, every attempt and every redirect
/// carries the run's members, merged with all other members in one line. An origin that a redirect leads to gets them only if
/// <c>Targets</c> names it. A handler above this one that copies a message after a redirect hides the redirect; there, too,
/// use <c>Targets</c>. Twice on a client is once.</para>
/// <para>Without a current run a request passes untouched and nothing is allocated. A <c>langsmith-trace</c> that the
/// application wrote is replaced if a run is current. Otherwise it stays, unless <c>Targets</c> refuse the origin or a
/// redirect leads to another one. To send another run's headers, use <see cref="TracingContext.UseParent"/> around the call; to send
/// none, <see cref="TracingContext.Suppress"/>. Nothing here throws into a request.</para>
/// </remarks>
/// <example>
/// <code>
/// builder.Services.AddLangSmith();
/// builder.Services.AddHttpClient&lt;AnswerClient&gt;(c =&gt; c.BaseAddress = new("https://answers.internal"))
///                 .AddHttpMessageHandler&lt;LangSmithPropagationHandler&gt;();
/// </code>
/// </example>
public sealed class LangSmithPropagationHandler : DelegatingHandler
{
    private readonly object _gate = new();
    private TracingState _state = TracingState.OfProcess;
    private ClientPropagation _client = new(PropagationPolicy.Default);
    private volatile TransportInfo? _transport;

    /// <summary>
    /// Makes a handler with default options for a chain that sets <see cref="DelegatingHandler.InnerHandler"/> itself, as
    /// <c>IHttpClientFactory</c> does.
    /// </summary>
    public LangSmithPropagationHandler()
    {
    }

    /// <summary>
    /// Makes a handler for a chain that sets <see cref="DelegatingHandler.InnerHandler"/> itself, such as the handler list of a
    /// client library.
    /// </summary>
    /// <param name="options">Where the headers may go. Later changes have no effect.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithPropagationHandler(LangSmithPropagationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _client = new ClientPropagation(Compile(options));
    }

    /// <summary>Makes a handler without a container.</summary>
    /// <param name="innerHandler">What sends the request, such as a new <see cref="SocketsHttpHandler"/>.</param>
    /// <param name="options">Where the headers may go; null means the defaults. Later changes have no effect.</param>
    /// <exception cref="ArgumentNullException"><paramref name="innerHandler"/> is null.</exception>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithPropagationHandler(HttpMessageHandler innerHandler, LangSmithPropagationOptions? options = null)
        : base(innerHandler ?? throw new ArgumentNullException(nameof(innerHandler)))
    {
        if (options is not null)
            _client = new ClientPropagation(Compile(options));
    }

    internal LangSmithPropagationHandler(TracingState state, ClientPropagation client) => Configure(state, client);

    /// <summary>Sets what the factory's client has, before the first message.</summary>
    internal void Configure(TracingState state, ClientPropagation client)
    {
        _state = state;
        _client = client;
    }

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Inject(request);
        var response = base.Send(request, cancellationToken);
        return _transport is { IsWatchedByHandler: true } ? ResponseWatch.Watch(request, response, _client) : response;
    }

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Inject(request);
        var sending = base.SendAsync(request, cancellationToken);
        return _transport is { IsWatchedByHandler: true } ? ResponseWatch.WatchAsync(request, sending, _client) : sending;
    }

    private static PropagationPolicy Compile(LangSmithPropagationOptions options) =>
        options.TryCompile(out var errors) ?? throw new ArgumentException(string.Join(' ', errors), nameof(options));

    // Removes the headers that an earlier attempt wrote, and leaves those of the application.
    private static OutboundReason RemoveTracked(HttpRequestMessage request, OutboundReason reason)
    {
        if (RequestTracking.TryGetHeaders(request, out _))
        {
            RequestTracking.Silence(request);
            HeaderWriter.Remove(request);
        }

        return reason;
    }

    private void Inject(HttpRequestMessage request)
    {
        // The base class reports a null.
        if (request is null)
            return;
        if (InnerHandler is null)
        {
            throw new InvalidOperationException(
                "LangSmithPropagationHandler has no inner handler that sends the request. Add it to a client of the factory with "
                + "AddHttpMessageHandler<LangSmithPropagationHandler>(), or give it one: "
                + "new LangSmithPropagationHandler(new SocketsHttpHandler()).");
        }

        var isCounted = false;
        try
        {
            var reason = Propagate(request, _transport ?? Install());
            OutboundTelemetry.Requests.Add(reason);
            isCounted = true;
            if (_client.IsDebugEnabled)
                _client.LogDecision(request, reason);
        }
        catch (Exception exception)
        {
            // Nothing may fail a request. If it is counted, only the logger can have thrown.
            if (!isCounted)
                _client.Report(exception);
        }
    }

    // In the order of cost: most requests have no run.
    private OutboundReason Propagate(HttpRequestMessage request, TransportInfo transport)
    {
        var ambient = Ambient.Current;
        if (ambient?.Context is { } context)
            return Propagate(request, transport, ambient, context);
        // Headers that the application or an earlier run wrote stay where they may.
        if (RuntimeInternals.HasHeaders(request)
            && GetRefusal(request, transport, _client.Policy) is { } refusal
            && HeaderWriter.HasOurs(request))
            return Refuse(request, transport, refusal);
        return ambient is { IsSuppressed: true } ? RemoveTracked(request, OutboundReason.Suppressed) : OutboundReason.NoRun;
    }

    private OutboundReason Propagate(HttpRequestMessage request, TransportInfo transport, Ambient ambient, RunContext context)
    {
        if (!_state.IsEnabled || ambient.Enabled == false)
            return Refuse(request, transport, OutboundReason.Off);
        var policy = _client.Policy;
        if (GetRefusal(request, transport, policy) is { } refusal)
            return Refuse(request, transport, refusal);
        var headers = context.GetHeaders(policy.Format);

        // The activity's baggage is merged here, not only by the propagator, so that a handler below can sign the line.
        var fromActivity = transport.FindBaggage(request);
        // Track state only if the message will be touched again.
        if (transport.MayTouchHeaders || RequestTracking.SawRedirect(headers.Trace))
            RequestTracking.Write(request, headers, policy, fromActivity);
        else
            HeaderWriter.Write(request, headers, last: null, fromActivity, isNewAttempt: true);
        if (!policy.HasTargets)
            _client.LogNoTargets();
        return context.IsSampled ? OutboundReason.Injected : OutboundReason.NotSampled;
    }

    // Why nothing of LangSmith may be sent to where a message goes; null if it may.
    private static OutboundReason? GetRefusal(HttpRequestMessage request, TransportInfo transport, PropagationPolicy policy)
    {
        // The handlers below report a message without an absolute URI.
        if (request.RequestUri is not { IsAbsoluteUri: true } uri || !policy.Allows(uri))
            return OutboundReason.TargetNotAllowed;
        if (policy.HasTargets)
            return transport.RedirectsUnseenBecause is null ? null : OutboundReason.RedirectsUnseen;
        return RequestTracking.WasRedirectedTo(request, uri) ? OutboundReason.Redirected : null;
    }

    private OutboundReason Refuse(HttpRequestMessage request, TransportInfo transport, OutboundReason reason)
    {
        if (reason is OutboundReason.TargetNotAllowed && request.RequestUri is { IsAbsoluteUri: true } uri)
            _client.LogRefusedTarget(uri);
        // The activity, or OpenTelemetry, may write langsmith-* members of an outside caller below. A redirect of a tracked message may
        // lead back to where the headers may go.
        var isTracked = RequestTracking.TryGetHeaders(request, out _);
        if (isTracked ? reason is not OutboundReason.Redirected : transport.MayTouchHeaders)
            RequestTracking.Silence(request);

        if (RuntimeInternals.HasHeaders(request))
            HeaderWriter.Remove(request);
        return reason;
    }

    private TransportInfo Install()
    {
        // Runs once, before the first message.
        lock (_gate)
        {
            if (_transport is { } installed)
                return installed;
            var transport = TransportInfo.Install(this, _client);
            if (transport.RedirectsUnseenBecause is { } cause)
                _client.LogUnseenRedirects(cause);
            _transport = transport;
            return transport;
        }
    }
}
