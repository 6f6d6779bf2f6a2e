using LangSmith.Http.Runs;
using Microsoft.Extensions.Options;

namespace LangSmith.Http.DependencyInjection;

/// <summary>Keeps a container's <see cref="TracingState"/> up to date with its options.</summary>
internal sealed class LiveTracingState : IDisposable
{
    private readonly IDisposable? _changes;

    public LiveTracingState(IOptionsMonitor<LangSmithOptions> options, LangSmithOptionsValidator validator)
    {
        State = new TracingState(validator.LastGood(options, Options.DefaultName));
        _changes = options.OnChange(_ => State.Apply(validator.LastGood(options, Options.DefaultName)));
    }

    internal TracingState State { get; }

    public void Dispose() => _changes?.Dispose();
}
