using System.Collections.Concurrent;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Outbound.Headers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// The policies of all clients of a container, by client name. They outlive the factory's handlers, which come and go, and
/// keep the last good options where new ones are invalid.
/// </summary>
internal sealed class PropagationPolicies : IDisposable
{
    private readonly ConcurrentDictionary<string, ClientPropagation> _clients = new(StringComparer.Ordinal);
    private readonly IOptionsMonitor<LangSmithPropagationOptions> _options;
    private readonly LangSmithPropagationOptionsValidator _validator;
    private readonly ILogger _logger;
    private readonly IDisposable? _changes;

    public PropagationPolicies(
        IOptionsMonitor<LangSmithPropagationOptions> options, LangSmithPropagationOptionsValidator validator, ILoggerFactory loggers)
    {
        _logger = loggers.CreateLogger(Log.Category);
        _options = options;
        _validator = validator;
        _changes = options.OnChange((_, name) =>
        {
            if (_clients.TryGetValue(name ?? "", out var client))
                client.Policy = Compile(client.Name);
        });
    }

    /// <summary>The options of a client that are in force.</summary>
    /// <exception cref="OptionsValidationException">They are invalid, and were from the start.</exception>
    internal LangSmithPropagationOptions Options(string clientName) => _validator.LastGood(_options, clientName);

    /// <summary>The policy of a client.</summary>
    /// <exception cref="OptionsValidationException">Its options are invalid, and were from the start.</exception>
    internal ClientPropagation Get(string clientName) => _clients.GetOrAdd(
        clientName, static (name, policies) => new ClientPropagation(name, policies.Compile(name), policies._logger), this);

    public void Dispose() => _changes?.Dispose();

    private PropagationPolicy Compile(string clientName) =>
        Options(clientName).TryCompile(out var errors)
        ?? throw new OptionsValidationException(clientName, typeof(LangSmithPropagationOptions), errors);
}
