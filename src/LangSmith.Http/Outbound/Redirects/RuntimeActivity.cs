using System.Diagnostics;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Sees to it that the runtime calls <see cref="HopPropagator"/>, which it does only where it has an
/// <see cref="Activity"/> for the request (<c>DiagnosticsHandler</c> in dotnet/runtime).
/// </summary>
/// <remarks>
/// There is none when none is current and nobody wants one. Then a private one is current while the request is below
/// <see cref="HopHandler"/>, and the runtime makes its own under it. Where a listener of the runtime's source decides
/// request by request, a private one would change what it decides; there the runtime is asked, through its
/// <see cref="DiagnosticListener"/>, to make an activity for our messages when the listener wanted none.
/// </remarks>
internal static class RuntimeActivity
{
    private const string SourceName = "System.Net.Http";
    private const string ListenerName = "HttpHandlerDiagnosticListener";
    private const string RequestActivityName = "System.Net.Http.HttpRequestOut";
    private const string PrivateActivityName = "LangSmith.Http.Hop";

    // Listeners choose sources by name: this one has a listener exactly when the runtime's has.
    private static readonly ActivitySource Twin = new(SourceName);

    private static readonly ListenerFinder Finder = new();

    // The message whose activity the runtime is about to make because we asked; it injects on the same thread, next.
    [ThreadStatic]
    private static HttpRequestMessage? s_asked;

    // While the other subscribers are asked.
    [ThreadStatic]
    private static bool s_isAskingOthers;

    /// <summary>Whether the runtime may make an activity for a message although none is current: somebody else listens.</summary>
    internal static bool MayBeMade(HttpRequestMessage request) => Twin.HasListeners() || Finder.IsEnabled(request);

    static RuntimeActivity() => DiagnosticListener.AllListeners.Subscribe(Finder);

    /// <summary>
    /// Whether the propagator would not be called without a private activity. Where it may or may not be, the runtime is
    /// asked from now on.
    /// </summary>
    internal static bool NeedsPrivate(HttpRequestMessage request)
    {
        if (Activity.Current is not null || Finder.IsEnabled(request))
            return false;
        if (!Twin.HasListeners())
            return true;
        Finder.Subscribe();
        return false;
    }

    internal static Activity StartPrivate() => new Activity(PrivateActivityName).Start();

    /// <summary>Whether an activity is only there because we wanted to be called.</summary>
    internal static bool IsOurs(Activity? activity, HttpRequestMessage request)
    {
        var isAsked = ReferenceEquals(s_asked, request);
        s_asked = null;
        return isAsked || ReferenceEquals(activity?.Parent?.OperationName, PrivateActivityName);
    }

    // The runtime asks this about a request when its source's listener wanted no activity and none is current.
    private static bool WantsActivity(string name, object? request, object? unused)
    {
        if (s_isAskingOthers || request is not HttpRequestMessage message || name != RequestActivityName
            || Activity.Current is not null || !OutboundMessage.TryGet(message, out _))
            return false;
        // If another subscriber wants it, it is that one's, and its traceparent is real.
        if (Finder.IsEnabledForOthers(message))
            return false;
        s_asked = message;
        return true;
    }

    private sealed class ListenerFinder : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private readonly object _gate = new();
        private DiagnosticListener? _listener;
        private bool _isWanted;
        private IDisposable? _subscription;

        // Ours does not count: it is there for as long as the process is.
        internal bool IsEnabled(HttpRequestMessage request) =>
            _listener is { } listener && listener.IsEnabled() && IsEnabledForOthers(request);

        internal bool IsEnabledForOthers(HttpRequestMessage request)
        {
            s_isAskingOthers = true;
            try
            {
                return _listener!.IsEnabled(RequestActivityName, request);
            }
            finally
            {
                s_isAskingOthers = false;
            }
        }

        internal void Subscribe()
        {
            if (_isWanted)
                return;
            lock (_gate)
            {
                _isWanted = true;
                _subscription ??= _listener?.Subscribe(this, WantsActivity);
            }
        }

        // The runtime makes its listener when the first request of the process is sent.
        public void OnNext(DiagnosticListener value)
        {
            if (value.Name != ListenerName)
                return;
            lock (_gate)
            {
                _listener = value;
                if (_isWanted)
                    _subscription ??= value.Subscribe(this, WantsActivity);
            }
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
