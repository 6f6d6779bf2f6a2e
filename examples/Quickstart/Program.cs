using System.Net;
using System.Text;
using LangSmith.Http;
using Quickstart;

// One trace across three services. Each has its own container, as if it were a process of its own; they share nothing but
// sockets, a queue, and the LangSmith they post to: a local one, in this process.
//
//   console ──HTTP──▶ gateway ──HTTP──▶ worker
//                        └──────queue─────▶
Console.OutputEncoding = Encoding.UTF8;
HttpClient.DefaultProxy = new WebProxy();   // Everything is on loopback, whatever HTTP_PROXY says.

Question[] questions =
[
    new("sky", "a plain call"),
    new("rivers", "the worker is busy once, the gateway retries"),
    new("tides", "the worker has moved it, the gateway follows the 307"),
    new("tea", "answered later: the job goes over a queue") { IsLater = true },
    new("dragons", "nobody knows: the call fails in all three services") { Fails = true },
];

var wire = new Wire();
var queue = new JobQueue();
await using var collector = await LangSmithCollector.StartAsync();
await using var worker = await Worker.StartAsync(queue, wire, collector.Endpoint);
var workerAddress = worker.Urls.First();
await using var gateway = await Gateway.StartAsync(new Uri(workerAddress), queue, wire, collector.Endpoint);
var gatewayAddress = gateway.Urls.First();
await using var console = new ConsoleClient(new Uri(gatewayAddress), collector.Endpoint);

// All at once: every flow has a run of its own.
var answers = await Task.WhenAll(questions.Select(console.AskAsync));

// The job is worked off behind its answer. Should runs be missing, the checks say it better than an exception.
await collector.WaitForRunsAsync(25).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

var traces = collector.Traces;
var outcomes = questions.Zip(answers, (question, answer) => new Outcome(question, answer, traces)).ToList();
var checks = new Checks(outcomes, collector, wire.Hops).All().ToList();
Console.WriteLine($"console, gateway on {gatewayAddress}, worker on {workerAddress}");
Console.WriteLine();
Report.Hops(outcomes, wire.Hops);
Report.Traces(outcomes);
Report.Checks(checks);

var failed = checks.Count(check => !check.Holds);
Console.WriteLine();
Console.WriteLine(failed == 0
    ? $"OK: {questions.Length} questions, {traces.Sum(trace => trace.Runs.Count)} runs, {wire.Hops.Count} hops; every trace is one connected tree."
    : $"FAILED: {failed} of {checks.Count} checks do not hold.");
if (args.Contains("--stay"))
{
    Console.WriteLine($"Look at it: {collector.Endpoint} — Ctrl+C ends");
    await gateway.WaitForShutdownAsync();
}
else
{
    Console.WriteLine($"The page was {collector.Endpoint}; with --stay it stays up.");
}

queue.Complete();
await worker.StopAsync();
return failed == 0 ? 0 : 1;
