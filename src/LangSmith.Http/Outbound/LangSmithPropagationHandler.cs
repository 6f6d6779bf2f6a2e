using System.Diagnostics;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Outbound.Headers;
using LangSmith.Http.Outbound.Redirects;
using LangSmith.Http.Runs;

namespace LangSmith.Http;

/// <summary>
/// Puts the current run's headers, <c>langsmith-trace</c> and <c>baggage</c>, on every request of a client, so that the
/// next service continues the same trace.
/// </summary>
/// <remarks>
/// <para>Put it on a client with <c>AddHttpMessageHandler&lt;LangSmithPropagationHandler&gt;()</c> or
/// <c>AddLangSmithPropagation()</c>, anywhere in the chain: above or below a retry, every attempt and every redirect hop
/// carries our members, merged with everybody else's in one line; an origin reached by redirect gets them only when
/// <see cref="LangSmithPropagationOptions.Targets"/> names it. Twice on a client is once.</para>
/// <para>Without a current run a request passes untouched and nothing is allocated. A <c>langsmith-trace</c> set by the
/// caller is replaced when a run is current, and left alone otherwise. Nothing here throws into a request.</para>
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
    private ClientPolicy _client = new(OutboundPolicy.Default);
    private volatile PrimaryHandler? _primary;

    /// <summary>
    /// Makes a handler with default options for a chain that sets <see cref="DelegatingHandler.InnerHandler"/> itself, as
    /// <c>IHttpClientFactory</c> does.
    /// </summary>
    public LangSmithPropagationHandler()
    {
    }

    /// <summary>Makes a handler without a container.</summary>
    /// <param name="innerHandler">What sends the request, such as a new <see cref="SocketsHttpHandler"/>.</param>
    /// <param name="options">Where the headers may go; null means the defaults. Later changes have no effect.</param>
    /// <exception cref="ArgumentNullException"><paramref name="innerHandler"/> is null.</exception>
    /// <exception cref="ArgumentException">The options are invalid; the message names the option and the remedy.</exception>
    public LangSmithPropagationHandler(HttpMessageHandler innerHandler, LangSmithPropagationOptions? options = null)
        : base(innerHandler ?? throw new ArgumentNullException(nameof(innerHandler)))
    {
        var policy = (options ?? new LangSmithPropagationOptions()).TryCompile(out var errors)
            ?? throw new ArgumentException(string.Join(' ', errors), nameof(options));
        _client = new ClientPolicy(policy);
    }

    internal LangSmithPropagationHandler(TracingState state, ClientPolicy client) => Use(state, client);

    /// <summary>
    /// Takes what the client has that the factory builds this for, whoever made it and how: before the first message.
    /// </summary>
    internal void Use(TracingState state, ClientPolicy client)
    {
        _state = state;
        _client = client;
    }

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Inject(request);
        return base.Send(request, cancellationToken);
    }

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Inject(request);
        return base.SendAsync(request, cancellationToken);
    }

    private void Inject(HttpRequestMessage request)
    {
        // The base class says what is wrong with a null.
        if (request is null)
            return;
        var isCounted = false;
        try
        {
            var primary = _primary ?? Install();
            var reason = Decide(request, primary);
            OutboundTelemetry.Requests.Add(reason);
            isCounted = true;
            if (_client.IsDebugEnabled)
            {
                var uri = request.RequestUri is { IsAbsoluteUri: true } absolute ? absolute : null;
                var name = ReasonCounter<OutboundReason>.Name(reason);
                Log.Outbound(_client.Logger, request.Method.Method, uri?.Scheme, uri?.IdnHost, uri?.Port ?? 0, name);
            }
        }
        catch (Exception exception)
        {
            // Nothing may fail a request. If it is counted, only the logger can have thrown.
            if (!isCounted)
                _client.Report(exception);
        }
    }

    // In the order of cost: most requests have no run.
    private OutboundReason Decide(HttpRequestMessage request, PrimaryHandler primary)
    {
        var ambient = Ambient.Current;
        if ((OutboundMessage.GetParent(request) ?? ambient?.Context) is { } context)
            return Decide(request, primary, ambient, context);
        return OutboundMessage.IsSuppressed(request) || ambient is { IsSuppressed: true } ? OutboundReason.Suppressed : OutboundReason.NoRun;
    }

    private OutboundReason Decide(HttpRequestMessage request, PrimaryHandler primary, Ambient? ambient, RunContext context)
    {
        if (OutboundMessage.IsSuppressed(request))
            return Refuse(request, primary, context, OutboundReason.Suppressed);
        if (!_state.IsEnabled || ambient is { Enabled: false })
            return Refuse(request, primary, context, OutboundReason.Off);

        var policy = _client.Current;
        // A message without an absolute URI is for the handlers below to refuse.
        if (request.RequestUri is not { IsAbsoluteUri: true } uri || !policy.Allows(uri))
            return Refuse(request, primary, context, OutboundReason.TargetNotAllowed);
        if (primary.FollowsRedirects && !policy.HasTargets && OutboundMessage.IsDenied(request))
            return Refuse(request, primary, context, OutboundReason.Redirected);
        if (primary.RedirectsUnseenBecause is not null && policy.HasTargets)
            return OutboundReason.RedirectsUnseen;

        var headers = context.GetHeaders(policy.Format);
        if (headers.IsTooLong)
            return Refuse(request, primary, context, OutboundReason.OverBudget);

        // Track state only if the propagator can run again for this request.
        var isTracked = primary.FollowsRedirects
            || (primary.MayCallPropagator && (Activity.Current is not null || RuntimeActivity.MayBeMade(request)));
        var activity = primary.SendsActivityBaggage ? Activity.Current : null;
        if (isTracked)
        {
            OutboundMessage.SetMerge(request, OutboundHeaders.Write(request, headers, OutboundMessage.GetMerge(request), activity));
            OutboundMessage.Remember(request, headers, policy);
        }
        else
        {
            OutboundHeaders.Write(request, headers, merge: null, activity);
        }

        return context.IsSampled ? OutboundReason.Injected : OutboundReason.NotSampled;
    }

    // A message that was sent before may carry what an earlier attempt put there; what the caller put there stays.
    private static OutboundReason Refuse(HttpRequestMessage request, PrimaryHandler primary, RunContext context, OutboundReason reason)
    {
        var isTracked = primary.MayCallPropagator && OutboundMessage.IsTracked(request);
        // What comes of a redirect is judged hop by hop.
        if (isTracked && reason is not OutboundReason.Redirected)
            OutboundMessage.Silence(request);
        // Where nothing is remembered, a trace that is the current run's was ours; one on a request to be left alone may not be.
        if (isTracked || (reason is not OutboundReason.Suppressed && OutboundHeaders.Carries(request, context)))
            OutboundHeaders.Remove(request);
        return reason;
    }

    private PrimaryHandler Install()
    {
        // Once, before the first message: nobody waits here again.
        lock (_gate)
        {
            if (_primary is { } installed)
                return installed;
            var primary = PrimaryHandler.Install(this, _client);
            if (primary.RedirectsUnseenBecause is { } cause)
                _client.WarnOfUnseenRedirects(cause);
            _primary = primary;
            return primary;
        }
    }
}
