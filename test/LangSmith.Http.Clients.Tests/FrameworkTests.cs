using System.Collections.Concurrent;
using System.Threading.Channels;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quartz;
using Quartz.Impl;

namespace LangSmith.Http.Clients.Tests;

/// <summary>The current run in frameworks that run the application's code: each piece of work has its own run, and none of another's.</summary>
public sealed class FrameworkTests
{
    private const int Messages = 50;

    private InMemoryRunRecorder _recorder = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _recorder = new InMemoryRunRecorder();
        _tracer = new LangSmithTracer(_recorder, new LangSmithOptions { Tracing = true, Project = "frameworks" });
    }

    [TearDown]
    public void TearDown() => Assert.That(RunTree.Current, Is.Null, "nothing leaks out of a test");

    [Test]
    public async Task MassTransit_MessagesOfManyRuns_EachIsConsumedBelowItsPublishersRun([Values] bool carriesHeaders)
    {
        var work = new Work(_tracer, Messages);
        await using var provider = new ServiceCollection().AddSingleton(work).AddLogging(static logging => logging.ClearProviders())
            .AddMassTransit(static bus =>
            {
                bus.AddConsumer<WorkConsumer>();
                bus.UsingInMemory(static (context, memory) => memory.ConfigureEndpoints(context));
            }).BuildServiceProvider();
        var bus = provider.GetRequiredService<IBusControl>();
        // As an application does that is started from within a request.
        using (_tracer.StartRun("start"))
        using (TracingContext.Suppress())
            await bus.StartAsync();

        await Task.WhenAll(Enumerable.Range(0, Messages).Select(number => _tracer.RunAsync($"publish {number}", run => bus.Publish(new Message(number), context =>
        {
            if (carriesHeaders)
                run.Context.Inject(context.Headers, static (headers, name, value) => headers.Set(name, value));
        }))));
        await work.DoneAsync();
        await bus.StopAsync();

        foreach (var number in Enumerable.Range(0, Messages))
            Assert.That(ParentOf($"work {number}"), Is.EqualTo(carriesHeaders ? $"publish {number}" : null));
    }

    [Test]
    public async Task Quartz_JobsScheduledInRuns_AreRootsAndLeaveNothingToTheNext()
    {
        var work = new Work(_tracer, Messages);
        IScheduler scheduler;
        using (_tracer.StartRun("start"))
        using (TracingContext.Suppress())
        {
            scheduler = await new StdSchedulerFactory(new System.Collections.Specialized.NameValueCollection
            {
                ["quartz.scheduler.instanceName"] = TestContext.CurrentContext.Test.ID,
                ["quartz.threadPool.maxConcurrency"] = "4",
            }).GetScheduler();
            await scheduler.Start();
        }

        scheduler.Context["work"] = work;
        await Task.WhenAll(Enumerable.Range(0, Messages).Select(number => _tracer.RunAsync($"schedule {number}", _ => scheduler.ScheduleJob(
            JobBuilder.Create<Job>().UsingJobData("number", number).Build(), TriggerBuilder.Create().StartNow().Build()))));
        await work.DoneAsync();
        await scheduler.Shutdown(waitForJobsToComplete: true);

        foreach (var number in Enumerable.Range(0, Messages))
            Assert.That(ParentOf($"work {number}"), Is.Null);
        Assert.That(work.FoundBefore, Is.All.Null);
    }

    [Test]
    public async Task Channel_ReadByConsumersThatLiveLong_EachItemIsBelowItsWritersRun()
    {
        var channel = Channel.CreateBounded<(int Number, RunContext Parent)>(4);
        var between = new ConcurrentBag<RunTree?>();
        Task[] readers;
        using (_tracer.StartRun("start"))
        using (TracingContext.Suppress())
            readers = [.. Enumerable.Range(0, 4).Select(_ => ReadAsync())];

        await Task.WhenAll(Enumerable.Range(0, Messages).Select(number =>
            _tracer.RunAsync($"write {number}", run => channel.Writer.WriteAsync((number, run.Context)).AsTask())));
        channel.Writer.Complete();
        await Task.WhenAll(readers);

        foreach (var number in Enumerable.Range(0, Messages))
            Assert.That(ParentOf($"work {number}"), Is.EqualTo($"write {number}"));
        Assert.That(between, Is.All.Null);

        async Task ReadAsync()
        {
            await foreach (var (number, parent) in channel.Reader.ReadAllAsync())
            {
                between.Add(RunTree.Current);
                using (TracingContext.UseParent(parent))
                    await _tracer.RunAsync($"work {number}", static async _ => await Task.Yield());
            }
        }
    }

    [Test]
    public async Task ParallelForEachAsync_InARun_EveryBodyIsItsChild()
    {
        await _tracer.RunAsync("all", async run =>
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 1_000), async (_, _) =>
            {
                using var scope = _tracer.StartRun("body");
                await Task.Yield();
                _tracer.StartRun("inside").Dispose();
            });
            Assert.That(RunTree.Current, Is.SameAs(run));
        });

        var all = _recorder.Runs.Single(static run => run.Name == "all");
        var bodies = _recorder.Runs.Where(static run => run.Name == "body").ToArray();
        Assert.That(bodies, Has.Length.EqualTo(1_000).And.All.Property(nameof(RunSnapshot.ParentRunId)).EqualTo(all.Id));
        Assert.That(_recorder.Runs.Where(static run => run.Name == "inside").Select(static run => run.ParentRunId), Is.EquivalentTo(bodies.Select(static run => (Guid?)run.Id)));
    }

    [Test]
    public async Task HostedServices_StartedAndStoppedConcurrently_HaveNoRunOfEachOther()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.Configure<HostOptions>(static options => options.ServicesStartConcurrently = options.ServicesStopConcurrently = true);
        for (var i = 0; i < 10; i++)
        {
            var name = $"service {i}";
            builder.Services.AddSingleton<IHostedService>(new Service(_tracer, name));
        }

        using var host = builder.Build();
        using (var scope = _tracer.StartRun("start"))
        {
            await host.StartAsync();
            Assert.That(RunTree.Current, Is.SameAs(scope.Run));
        }

        await host.StopAsync();
        Assert.That(RunTree.Current, Is.Null);

        foreach (var name in Enumerable.Range(0, 10).Select(static i => $"service {i}"))
        {
            Assert.That(ParentOf($"{name} starts"), Is.EqualTo("start"));
            Assert.That(ParentOf($"{name} runs"), Is.Null, "it lives long, and is started under Suppress()");
            Assert.That(ParentOf($"{name} stops"), Is.Null);
        }
    }

    private string? ParentOf(string name)
    {
        var parent = _recorder.Runs.Single(run => run.Name == name).ParentRunId;
        return parent is null ? null : _recorder.Runs.Single(run => run.Id == parent).Name;
    }

    public sealed record Message(int Number);

    public sealed class WorkConsumer(Work work) : IConsumer<Message>
    {
        public Task Consume(ConsumeContext<Message> context)
        {
            RunContext.TryExtract(context.Headers, static (headers, name) => headers.TryGetHeader(name, out var value) ? [(string)value] : null, out var parent);
            return work.DoAsync(context.Message.Number, parent);
        }
    }

    public sealed class Job : IJob
    {
        public Task Execute(IJobExecutionContext context) =>
            ((Work)context.Scheduler.Context["work"]).DoAsync(context.MergedJobDataMap.GetInt("number"), RunTree.Current?.Context);
    }

    /// <summary>What consumers and jobs do: a run with an await in it, below the parent they were given, if any.</summary>
    public sealed class Work(LangSmithTracer tracer, int count)
    {
        private readonly ConcurrentBag<RunTree?> _foundBefore = [];
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left = count;

        public IEnumerable<RunTree?> FoundBefore => _foundBefore;

        public async Task DoAsync(int number, RunContext? parent)
        {
            _foundBefore.Add(RunTree.Current);
            using (parent is null ? null : TracingContext.UseParent(parent))
                await tracer.RunAsync($"work {number}", static async _ => await Task.Yield());
            if (Interlocked.Decrement(ref _left) == 0)
                _done.SetResult();
        }

        public Task DoneAsync() => _done.Task;
    }

    private sealed class Service(LangSmithTracer tracer, string name) : BackgroundService
    {
        public override async Task StartAsync(CancellationToken cancellationToken)
        {
            using (tracer.StartRun($"{name} starts"))
                await Task.Yield();
            using (TracingContext.Suppress())
                await base.StartAsync(cancellationToken);
        }

        public override async Task StopAsync(CancellationToken cancellationToken)
        {
            using (tracer.StartRun($"{name} stops"))
                await Task.Yield();
            await base.StopAsync(cancellationToken);
        }

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            using var scope = tracer.StartRun($"{name} runs");
            try
            {
                await Task.Delay(Timeout.Infinite, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                // The host stops.
            }
        }
    }
}
