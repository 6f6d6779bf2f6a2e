using System.Diagnostics;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// Makes the runtime call <see cref="RedirectAwarePropagator"/> on every hop of our messages, which it does only if it has an
/// <see cref="Activity"/> for the request (<c>DiagnosticsHandler</c> in dotnet/runtime).
/// </summary>
/// <remarks>
/// If no activity is current and the runtime's requests have no listener, a private activity is current below
/// <see cref="RedirectTrackingHandler"/>, and the runtime makes its own under it. With a listener, a private activity would
/// change what that listener decides. Then we subscribe to the runtime's <see cref="DiagnosticListener"/> while the request is
/// sent, and want an activity for each hop of our messages, even if the listener wants none for that hop.
/// </remarks>
internal static class PropagatorActivation
{
    private const string SourceName = "System.Net.Http";
    private const string ListenerName = "HttpHandlerDiagnosticListener";
    private const string RequestActivityName = "System.Net.Http.HttpRequestOut";
    private const string PrivateActivityName = "LangSmith.Http.Hop";

    // Listeners choose sources by name: this one has a listener exactly if the runtime's has.
    private static readonly ActivitySource Twin = new(SourceName);

    private static readonly ListenerFinder Finder = new();

    // The message for which we just wanted an activity; the runtime injects on the same thread, next. Weak, because it does not
    // if the message is another client's.
    [ThreadStatic]
    private static WeakReference<HttpRequestMessage>? s_wanted;

    // True below a primary handler of a user's class, which may copy a message, so that it is not tracked.
    private static readonly AsyncLocal<bool> IsBelowDerived = new();

    // True while the other subscribers are asked.
    [ThreadStatic]
    private static bool s_isAskingOthers;

    static PropagatorActivation()
    {
        var search = DiagnosticListener.AllListeners.Subscribe(Finder);
        RuntimeInternals.CreateDiagnosticListener();
        Unloading.Dispose(search, Finder, Twin);
    }

    /// <summary>
    /// True if the runtime may make an activity for the next message: one is current, or requests have an
    /// <see cref="ActivityListener"/> or an observer. Asks no predicate, because it may answer differently next time.
    /// </summary>
    internal static bool MayRun => Activity.Current is not null || Twin.HasListeners() || Finder.IsObserved;

    /// <summary>
    /// Enters what makes the runtime call the propagator on each hop if no activity is current: a private activity, or, with a
    /// listener, our subscription. The subscription ends with the last request that needs it, because the runtime asks each
    /// subscriber about the requests of all clients.
    /// </summary>
    internal static IDisposable Enter(TransportInfo transport)
    {
        // A user's class would see a private activity.
        if (!transport.IsDerived && !Twin.HasListeners() && Finder.IsUnobserved)
            return StartPrivateActivity();
        // The runtime will make an activity current. An observer that throws then would fail the request; here its exception is caught.
        StartPrivateActivity().Stop();
        return new SubscriptionScope(transport.IsDerived);
    }

    private static Activity StartPrivateActivity()
    {
        try
        {
            return new Activity(PrivateActivityName).Start();
        }
        catch
        {
            // An observer of Activity.CurrentChanged threw. The activity was current before it was called.
            _ = NeverThrow.Run(0, static _ => Activity.Current = null);
            throw;
        }
    }

    /// <summary>
    /// True if an activity exists only because we want to be called, for this message or for one whose content or proxy sends this
    /// one.
    /// </summary>
    internal static bool IsOurs(Activity? activity, HttpRequestMessage request)
    {
        if (s_wanted?.TryGetTarget(out var wanted) == true && ReferenceEquals(wanted, request))
        {
            s_wanted.SetTarget(null!);
            // No listener sees this name: nobody else wants the activity.
            if (activity is not null)
                activity.DisplayName = PrivateActivityName;
            return true;
        }

        var outermost = activity;
        while (outermost is { OperationName: RequestActivityName, Parent: { } parent })
            outermost = parent;
        return ReferenceEquals(outermost?.DisplayName, PrivateActivityName);
    }

    // The runtime asks this about a request if no listener made an activity for it and none is current.
    private static bool WantsActivity(string name, object? request, object? unused)
    {
        if (s_isAskingOthers || request is not HttpRequestMessage message || name != RequestActivityName
            || Activity.Current is not null || !RequestTracking.Concerns(message, IsBelowDerived.Value))
            return false;
        // If another subscriber wants it, too, its traceparent is real. Each predicate is asked once, because it may count or sample.
        (s_wanted ??= new WeakReference<HttpRequestMessage>(message)).SetTarget(Finder.IsWantedByOthers(message) ? null! : message);
        return true;
    }

    private sealed class SubscriptionScope : IDisposable
    {
        private readonly bool _isBelowDerived;

        internal SubscriptionScope(bool isBelowDerived)
        {
            _isBelowDerived = isBelowDerived;
            if (isBelowDerived)
                IsBelowDerived.Value = true;
            Finder.Subscribe();
        }

        public void Dispose()
        {
            Finder.Unsubscribe();
            if (_isBelowDerived)
                IsBelowDerived.Value = false;
        }
    }

    /// <summary>Finds the runtime's listener, which the process has once, and subscribes to it.</summary>
    private sealed class ListenerFinder : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly object _gate = new();
        private volatile DiagnosticListener? _listener;
        private IDisposable? _subscription;

        // How many requests in flight need the subscription.
        private int _requests;

        /// <summary>True if the listener exists and has no subscriber, us included.</summary>
        internal bool IsUnobserved => _listener is { } listener && !listener.IsEnabled();

        /// <summary>True if the listener exists and has a subscriber, us included.</summary>
        internal bool IsObserved => _listener is { } listener && listener.IsEnabled();

        internal bool IsWantedByOthers(HttpRequestMessage request)
        {
            if (_listener is not { } listener)
                return false;
            s_isAskingOthers = true;
            try
            {
                return listener.IsEnabled(RequestActivityName, request);
            }
            finally
            {
                s_isAskingOthers = false;
            }
        }

        internal void Subscribe()
        {
            lock (_gate)
            {
                _requests++;
                _subscription ??= _listener?.Subscribe(this, WantsActivity);
            }
        }

        internal void Unsubscribe()
        {
            lock (_gate)
            {
                if (--_requests == 0)
                    EndSubscription();
            }
        }

        // Called while the runtime creates its listener, before it asks about a request.
        public void OnNext(DiagnosticListener value)
        {
            if (value.Name != ListenerName)
                return;
            lock (_gate)
            {
                _listener = value;
                if (_requests > 0)
                    _subscription ??= value.Subscribe(this, WantsActivity);
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _listener = null;
                EndSubscription();
            }
        }

        private void EndSubscription()
        {
            _subscription?.Dispose();
            _subscription = null;
        }

        // The runtime sends its events to every subscriber; we only answer questions.
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
