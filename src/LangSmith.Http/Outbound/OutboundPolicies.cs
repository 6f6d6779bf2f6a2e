using System.Collections.Concurrent;
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
    private readonly LangSmithPropagationOptionsValidator _validator;
    private readonly IDisposable? _changes;

    public OutboundPolicies(IOptionsMonitor<LangSmithPropagationOptions> options, LangSmithPropagationOptionsValidator validator)
    {
        _options = options;
        _validator = validator;
        _changes = options.OnChange((_, name) =>
        {
            if (_entries.TryGetValue(name ?? "", out var entry))
                entry.Policy = Compile(entry.ClientName);
        });
    }

    /// <summary>What is said once per client.</summary>
    [Flags]
    internal enum Once
    {
        Failed = 1,
        RedirectsUnseen = 2,
    }

    /// <summary>The options of a client that are in force.</summary>
    /// <exception cref="OptionsValidationException">They are invalid, and were from the start.</exception>
    internal LangSmithPropagationOptions Options(string clientName) => _validator.LastGood(_options, clientName);

    /// <summary>The policy of a client.</summary>
    /// <exception cref="OptionsValidationException">Its options are invalid, and were from the start.</exception>
    internal Entry Get(string clientName) => _entries.GetOrAdd(clientName, static (name, policies) => new Entry(name, policies.Compile(name)), this);

    public void Dispose() => _changes?.Dispose();

    private OutboundPolicy Compile(string clientName) =>
        OutboundPolicy.TryCreate(Options(clientName), out var errors)
        ?? throw new OptionsValidationException(clientName, typeof(LangSmithPropagationOptions), errors);

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
