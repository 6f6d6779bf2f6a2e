using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace LangSmith.Http.Tests.Export;

/// <summary>The exporter ends with its host, its container or its block, and the last runs arrive.</summary>
public sealed class LifeCycleTests
{
    // Longer than any test: what is sent is sent because the exporter ends, or is flushed.
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(1);

    private LangSmithCollector _collector = null!;

    [SetUp]
    public async Task StartCollector() => _collector = await LangSmithCollector.StartAsync();

    [TearDown]
    public async Task StopCollector() => await _collector.DisposeAsync();

    [Test]
    public async Task Host_Stopping_SendsWhatIsQueuedAndEndsWhatIsOpen()
    {
        using var host = Build(_collector.Endpoint);
        await host.StartAsync();
        var tracer = host.Services.GetRequiredService<LangSmithTracer>();
        for (var i = 0; i < 250; i++)
            tracer.StartRun($"run {i}").Dispose();
        var open = tracer.StartRun("open");
        await host.StopAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_collector.Traces, Has.Count.EqualTo(251));
            Assert.That(_collector.Traces.Where(static trace => trace.Root!.Error is not null).Select(static trace => (trace.Name, trace.Root!.Error)),
                Is.EqualTo(new[] { ("open", (string?)"The application ended before the run did.") }));
            Assert.That(host.Services.GetRequiredService<LangSmithExporter>().DroppedOperations, Is.Zero);
        }

        _collector.AssertNoProblems();
        open.Dispose();
    }

    [Test]
    public async Task Host_Stopping_StillTakesTheRunsOfServicesThatStop()
    {
        using var host = Build(_collector.Endpoint, static services => services.AddHostedService<LastWords>());
        await host.StartAsync();
        await host.StopAsync();
        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("last words"));
    }

    [Test]
    public async Task Host_StoppingWithLangSmithGone_EndsWithinItsBudgetAndSaysWhatWasLost()
    {
        var lines = new LogLines();
        _collector.Fault = static _ => CollectorFault.Delay(Timeout.InfiniteTimeSpan);
        using var host = Build(_collector.Endpoint, services =>
        {
            services.AddLogging(logging => logging.AddProvider(lines));
            services.Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        }, static options => options.ShutdownTimeout = Never);
        await host.StartAsync();
        var tracer = host.Services.GetRequiredService<LangSmithTracer>();
        for (var i = 0; i < 300; i++)
            tracer.StartRun("run").Dispose();
        var open = tracer.StartRun("open");
        // The host's own budget ends it: were it not so, this would take a minute.
        await host.StopAsync().WaitAsync(TimeSpan.FromSeconds(30));

        using (Assert.EnterMultipleScope())
        {
            // The starts and ends of 300 runs, and the start of the open one.
            Assert.That(host.Services.GetRequiredService<LangSmithExporter>().DroppedOperations, Is.EqualTo(601));
            Assert.That(lines.Ours.Where(static line => line.Event.Name == "Dropped").Sum(static line => int.Parse(System.Text.RegularExpressions.Regex.Match(line.Text, "runs: ([0-9]+)").Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)), Is.EqualTo(601));
            Assert.That(lines.Ours.Where(static line => line.Event.Name == "Dropped").Select(static line => line.Text), Has.All.Contains("The application ended before they were sent (ShutdownTimeout)."));
        }

        open.Dispose();
    }

    [Test]
    public async Task Host_StoppingWithNobodyListening_EndsWithinTheExportersBudget()
    {
        using var host = Build(new Uri("http://127.0.0.1:1"), configure: static options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(300));
        await host.StartAsync();
        host.Services.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        await host.StopAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(host.Services.GetRequiredService<LangSmithExporter>().DroppedOperations, Is.EqualTo(2));
    }

    [Test]
    public async Task Host_WhoseTimeOthersHaveUsedUp_StillSendsWhatIsQueuedAndEndsWhatIsOpen()
    {
        using var host = Build(_collector.Endpoint, static services => services
            .AddHostedService<Dawdler>()
            .Configure<HostOptions>(static options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(50)));
        await host.StartAsync();
        var tracer = host.Services.GetRequiredService<LangSmithTracer>();
        // So that the connection is there: a second is given.
        tracer.StartRun("before").Dispose();
        await host.Services.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30));
        // Longer than no time at all, and shorter than it.
        _collector.Fault = static _ => CollectorFault.Delay(TimeSpan.FromMilliseconds(50));
        tracer.StartRun("queued").Dispose();
        var open = tracer.StartRun("open");
        await host.StopAsync();

        Assert.That(
            _collector.Traces.Select(static trace => (trace.Name, trace.Root!.Error)),
            Is.EquivalentTo(new[] { ("before", null), ("queued", null), ("open", (string?)"The application ended before the run did.") }));
        _collector.AssertNoProblems();
        open.Dispose();
    }

    [Test]
    public async Task Container_WhoseClockStandsStill_EndsWithinTheExportersBudget()
    {
        var services = new ServiceCollection().AddSingleton<TimeProvider>(new FakeTimeProvider());
        var provider = AddExport(services, new Uri("http://127.0.0.1:1"), static options => options.ShutdownTimeout = TimeSpan.FromSeconds(1)).BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        var exporter = provider.GetRequiredService<LangSmithExporter>();
        await provider.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(exporter.DroppedOperations, Is.EqualTo(2));
    }

    [Test]
    public async Task KillSwitch_ThrownByAReload_PostsNothingMore_AndCountsWhatWaited()
    {
        var lines = new LogLines();
        var requests = CountRequests();
        var configuration = new ConfigurationManager { ["LangSmith:Enabled"] = "true" };
        await using var provider = AddExport(new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddLogging(logging => logging.AddProvider(lines)), _collector.Endpoint).BuildServiceProvider();
        var tracer = provider.GetRequiredService<LangSmithTracer>();
        var exporter = provider.GetRequiredService<LangSmithExporter>();
        var open = tracer.StartRun("open");
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That((requests(), exporter.PostedOperations), Is.EqualTo((2, 1L)), "/info, and the start");

        for (var i = 0; i < 5; i++)
            tracer.StartRun("queued").Dispose();
        configuration["LangSmith:Enabled"] = "false";
        ((IConfigurationRoot)configuration).Reload();
        tracer.StartRun("off").Dispose();
        open.Dispose();
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        await provider.DisposeAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(requests(), Is.EqualTo(2));
            Assert.That((exporter.PostedOperations, exporter.DroppedOperations, exporter.QueuedOperations), Is.EqualTo((1L, 11L, 0)), "five starts and ends, and one end");
            Assert.That(lines.Ours.Where(static line => line.Event.Name == "Dropped").Select(static line => line.Text), Is.Not.Empty.And.All.Contains("Tracing was switched off (Enabled)"));
        }
    }

    [Test]
    public async Task KillSwitch_WhileABatchIsTriedAgain_EndsTheRetries()
    {
        var requests = 0;
        _collector.Fault = _ =>
        {
            Interlocked.Increment(ref requests);
            return CollectorFault.Status(503);
        };
        var time = new FakeTimeProvider();
        var configuration = new ConfigurationManager { ["LangSmith:Enabled"] = "true" };
        var services = new ServiceCollection().AddSingleton<TimeProvider>(time).AddSingleton<IConfiguration>(configuration);
        await using var provider = AddExport(services, _collector.Endpoint).BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        var exporter = provider.GetRequiredService<LangSmithExporter>();
        var flush = exporter.FlushAsync(Timeout.InfiniteTimeSpan);
        await AdvanceUntilAsync(time, () => Volatile.Read(ref requests) >= 3);
        // None is on its way: the clock stands still.
        var sent = -1;
        while (sent != (sent = Volatile.Read(ref requests)))
            await Task.Delay(100);
        configuration["LangSmith:Enabled"] = "false";
        ((IConfigurationRoot)configuration).Reload();
        await AdvanceUntilAsync(time, () => flush.IsCompleted);
        Assert.That(requests, Is.EqualTo(sent));
        Assert.That((exporter.PostedOperations, exporter.DroppedOperations), Is.EqualTo((0L, 2L)));

        static async Task AdvanceUntilAsync(FakeTimeProvider time, Func<bool> isSo)
        {
            using var giveUp = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (!isSo())
            {
                time.Advance(TimeSpan.FromMilliseconds(250));
                await Task.Delay(5, giveUp.Token);
            }
        }
    }

    [Test]
    public async Task Handler_ThatIgnoresCancellation_HoldsNothingUp([Values] bool blocks)
    {
        using var handler = new DeafHandler(blocks);
        var exporter = new LangSmithExporter(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9", ApiKey = "k", ShutdownTimeout = TimeSpan.Zero }, handler);
        using (new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run"))
        {
        }

        await handler.Called.Task;
        await exporter.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That((exporter.DroppedOperations, exporter.QueuedOperations), Is.EqualTo((2L, 0)));
        // Nobody waits for it any more; it is disposed all the same.
        using var late = new LateResponse();
        handler.Answer.SetResult(late);
        await late.Disposed.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Test]
    public async Task Container_Disposed_SendsWhatIsQueued([Values] bool asynchronously)
    {
        var provider = AddExport(new ServiceCollection(), _collector.Endpoint).BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        var exporter = provider.GetRequiredService<LangSmithExporter>();
        if (asynchronously)
            await provider.DisposeAsync();
        else
            provider.Dispose();

        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("run"));
        Assert.That(exporter.DroppedOperations, Is.Zero);
    }

    [Test]
    public async Task Block_WithoutContainer_SendsWhatIsQueuedAtItsEnd()
    {
        await using (var exporter = new LangSmithExporter(Options()))
        {
            new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run").Dispose();
        }

        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("run"));
    }

    [Test]
    public async Task Exporter_DisposedTwiceAndAtOnce_EndsOnce()
    {
        var exporter = new LangSmithExporter(Options());
        new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true }).StartRun("run").Dispose();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () => await exporter.DisposeAsync())));
        exporter.Dispose();
        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("run"));
    }

    [Test]
    public async Task Flush_PerInvocation_HasEachInvocationsRunsThere()
    {
        await using var exporter = new LangSmithExporter(Options());
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        for (var invocation = 1; invocation <= 20; invocation++)
        {
            tracer.StartRun("invocation").Dispose();
            Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
            Assert.That(_collector.Traces, Has.Count.EqualTo(invocation));
        }
    }

    [Test]
    public async Task FirstRun_WhereFlowIsSuppressed_IsSentToo()
    {
        await using var exporter = new LangSmithExporter(Options());
        var tracer = new LangSmithTracer(exporter, new LangSmithOptions { Tracing = true });
        using (ExecutionContext.SuppressFlow())
            tracer.StartRun("run").Dispose();
        Assert.That(await exporter.FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("run"));
    }

    [Test]
    public async Task Logger_ThatThrows_StopsNoRun()
    {
        using var provider = AddExport(new ServiceCollection().AddLogging(static logging => logging.AddProvider(new Thrower())), _collector.Endpoint).BuildServiceProvider();
        provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        Assert.That(await provider.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
        Assert.That(_collector.AssertOneTrace().Name, Is.EqualTo("run"));
    }

    [Test]
    public async Task AddLangSmithExport_Twice_IsOnce()
    {
        var services = AddExport(AddExport(new ServiceCollection(), _collector.Endpoint), _collector.Endpoint);
        using (Assert.EnterMultipleScope())
        {
            foreach (var type in (Type[])[typeof(LangSmithExporter), typeof(IRunRecorder)])
                Assert.That(services.Count(service => service.ServiceType == type), Is.EqualTo(1));
            Assert.That(services.Count(static service => service.ImplementationType == typeof(ExportLifetime)), Is.EqualTo(1));
        }

        await using (var provider = services.BuildServiceProvider())
            provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        _collector.AssertOneTrace();
    }

    [Test]
    public async Task Recorders_Several_TheLastRegisteredIsTold([Values] bool memoryLast)
    {
        var memory = new InMemoryRunRecorder();
        var services = new ServiceCollection();
        if (!memoryLast)
            services.AddSingleton<IRunRecorder>(memory);
        AddExport(services, _collector.Endpoint);
        if (memoryLast)
            services.AddSingleton<IRunRecorder>(memory);
        var requests = CountRequests();
        await using (var provider = services.BuildServiceProvider())
        {
            provider.GetRequiredService<LangSmithExporter>();
            provider.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
        }

        Assert.That((memory.Runs.Count, _collector.Traces.Count, requests()), Is.EqualTo(memoryLast ? (1, 0, 0) : (0, 1, 2)));
    }

    [Test]
    public async Task Tracing_Off_SendsAndSaysNothing()
    {
        var lines = new LogLines();
        var requests = CountRequests();
        using (var host = Build(_collector.Endpoint, services => services.AddLogging(logging => logging.AddProvider(lines)).Configure<LangSmithOptions>(static options => options.Tracing = false), static options => options.ApiKey = null))
        {
            await host.StartAsync();
            host.Services.GetRequiredService<LangSmithTracer>().StartRun("run").Dispose();
            Assert.That(await host.Services.GetRequiredService<LangSmithExporter>().FlushAsync(TimeSpan.FromSeconds(30)), Is.True);
            await host.StopAsync();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(requests(), Is.Zero);
            Assert.That(lines.Ours.Where(static line => line.Event.Id is >= 40 and < 60), Is.Empty);
        }
    }

    private Func<int> CountRequests()
    {
        var count = 0;
        _collector.Fault = _ =>
        {
            Interlocked.Increment(ref count);
            return null;
        };
        return () => Volatile.Read(ref count);
    }

    private LangSmithExportOptions Options() => new() { Endpoint = _collector.Endpoint.ToString(), ApiKey = "key", FlushInterval = Never };

    private static IServiceCollection AddExport(IServiceCollection services, Uri endpoint, Action<LangSmithExportOptions>? configure = null) => services
        .AddLangSmith(static options => options.Tracing = true)
        .AddLangSmithExport(options =>
        {
            (options.Endpoint, options.ApiKey, options.FlushInterval) = (endpoint.ToString(), "key", Never);
            configure?.Invoke(options);
        });

    private static IHost Build(Uri endpoint, Action<IServiceCollection>? services = null, Action<LangSmithExportOptions>? configure = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "shop" });
        AddExport(builder.Services, endpoint, configure);
        services?.Invoke(builder.Services);
        return builder.Build();
    }

    private sealed class LastWords(LangSmithTracer tracer) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            tracer.StartRun("last words").Dispose();
            return Task.CompletedTask;
        }
    }

    private sealed class Dawdler : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task StopAsync(CancellationToken cancellationToken) =>
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private sealed class Thrower : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id >= 40)
                throw new InvalidOperationException("logger");
        }
    }

    private sealed class DeafHandler(bool blocks) : HttpMessageHandler
    {
        public TaskCompletionSource Called { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<HttpResponseMessage> Answer { get; } = new();

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Called.TrySetResult();
            return blocks ? Task.FromResult(Answer.Task.GetAwaiter().GetResult()) : Answer.Task;
        }
    }

    private sealed class LateResponse : HttpResponseMessage
    {
        public TaskCompletionSource Disposed { get; } = new();

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            Disposed.TrySetResult();
        }
    }
}
