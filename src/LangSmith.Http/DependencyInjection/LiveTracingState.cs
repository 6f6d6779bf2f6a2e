using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LangSmith.Http;

/// <summary>Keeps a container's <see cref="TracingState"/> up to date with its options; new ones that are invalid change nothing.</summary>
internal sealed class LiveTracingState : IDisposable
{
    private readonly IDisposable? _changes;

    public LiveTracingState(IOptionsMonitor<LangSmithOptions> options, ILoggerFactory loggers)
    {
        State = new TracingState(options.CurrentValue);
        var logger = loggers.CreateLogger(Log.Category);
        var isSaid = 0;
        _changes = options.OnChange(changed =>
        {
            var errors = LangSmithOptionsValidator.FindErrors(changed);
            if (errors.Count == 0)
            {
                State.Apply(changed);
                return;
            }

            Telemetry.Count(Fault.BadReload);
            if (Interlocked.Exchange(ref isSaid, 1) == 0)
                Log.BadReload(logger, nameof(LangSmithOptions), string.Join(' ', errors));
        });
    }

    internal TracingState State { get; }

    public void Dispose() => _changes?.Dispose();
}
