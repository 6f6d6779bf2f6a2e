using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http;

/// <summary>
/// The policies of all clients of a container, by client name. They outlive the factory's handlers, which come and go, and
/// keep the last good options where new ones are invalid.
/// </summary>
internal sealed class OutboundPolicies : IDisposable
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly IOptionsMonitor<LangSmithPropagationOptions> _options;
    private readonly IDisposable? _changes;

    public OutboundPolicies(IOptionsMonitor<LangSmithPropagationOptions> options, ILoggerFactory loggers)
    {
        _options = options;
        var logger = loggers.CreateLogger(Log.Category);
        _changes = options.OnChange((changed, name) =>
        {
            if (!_entries.TryGetValue(name ?? "", out var entry))
                return;
            if (OutboundPolicy.TryCreate(changed, out var errors) is { } policy)
            {
                entry.Policy = policy;
                return;
            }

            Telemetry.Count(Fault.BadReload);
            if (entry.IsFirst(Once.BadReload))
                Log.BadReload(logger, $"{nameof(LangSmithPropagationOptions)} of HttpClient '{name}'", string.Join(' ', errors));
        });
    }

    /// <summary>What is said once per client.</summary>
    [Flags]
    internal enum Once
    {
        Failed = 1,
        RedirectsUnseen = 2,
        BadReload = 4,
    }

    /// <summary>The options of a client as they were registered.</summary>
    internal LangSmithPropagationOptions Options(string clientName) => _options.Get(clientName);

    /// <summary>The policy of a client.</summary>
    /// <exception cref="OptionsValidationException">Its options are invalid.</exception>
    internal Entry Get(string clientName) => _entries.GetOrAdd(
        clientName,
        static (name, policies) => new Entry(name, OutboundPolicy.TryCreate(policies._options.Get(name), out var errors)
            ?? throw new OptionsValidationException(name, typeof(LangSmithPropagationOptions), errors)),
        this);

    public void Dispose() => _changes?.Dispose();

    /// <summary>One client's policy, replaced when its options change.</summary>
    internal sealed class Entry(string clientName, OutboundPolicy policy)
    {
        private volatile OutboundPolicy _policy = policy;
        private int _said;

        internal string ClientName { get; } = clientName;

        internal OutboundPolicy Policy
        {
            get => _policy;
            set => _policy = value;
        }

        internal bool IsFirst(Once what) => (Interlocked.Or(ref _said, (int)what) & (int)what) == 0;
    }
}
