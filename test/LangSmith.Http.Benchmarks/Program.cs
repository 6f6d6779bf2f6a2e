using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using LangSmith.Http.Benchmarks;
using Perfolizer.Horology;

if (args is ["pairs"])
{
    InboundPairs.Run();
    return;
}

// The handler's budgets, each row next to its peer in processes of their own, about four minutes: "outbound [processes]".
if (args is ["outbound", ..])
{
    OutboundPairs.Run(args[1..]);
    return;
}

// "requests": an application with everything on next to itself without LangSmith, about four minutes; "requests parts":
// what of it costs what, about three.
if (args is ["requests", ..])
{
    EndToEndPairs.Run(args[1..]);
    return;
}

// Runs per second and memory next to the JavaScript SDK's, about four minutes: "export [runs [warm-up runs]]".
if (args is ["export", .. var given])
{
    Environment.ExitCode = await ExportThroughput.RunAsync(given);
    return;
}

if (args is [ExportChild.Argument, var runs, var warmUpRuns])
{
    await ExportChild.RunAsync(int.Parse(runs, CultureInfo.InvariantCulture), int.Parse(warmUpRuns, CultureInfo.InvariantCulture));
    return;
}

// Short on purpose: what counts is the ratio to a peer in the same run, and machines are noisy.
var config = ManualConfig.CreateEmpty()
    .AddJob(Job.Default.WithWarmupCount(3).WithIterationCount(7).WithIterationTime(TimeInterval.FromMilliseconds(200)))
    .AddColumnProvider(DefaultColumnProviders.Instance)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(MarkdownExporter.GitHub)
    .AddLogger(ConsoleLogger.Default)
    .WithOption(ConfigOptions.JoinSummary, false);

// Without arguments all of them run; arguments are BenchmarkSwitcher's, such as --filter '*Codec*'.
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args, config);
